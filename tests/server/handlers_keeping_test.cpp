// Settings and backups over the API.

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "storage/backup.h"
#include "tests/server/api_fixture.h"
#include "tests/support/eventually.h"

namespace blockwatch {
namespace {

class Keeping : public ApiTest {
 protected:
  http::Response change(const std::string& method, const std::string& target, std::string body) {
    http::Request r = request(method, target, {{"Content-Type", "application/json"}});
    r.body = [body = std::move(body)](char* data, std::size_t size) mutable -> Result<std::size_t> {
      const std::size_t n = body.copy(data, size);
      body.erase(0, n);
      return n;
    };
    return send(std::move(r));
  }
  Json settings(const std::string& body, int status = 200) {
    const auto answer = change("PATCH", "/api/v1/settings", body);
    EXPECT_EQ(answer.status, status) << answer.body;
    return Json::parse(answer.body);
  }
  Json backup(const std::string& body, int status = 202) {
    const auto answer = change("POST", "/api/v1/backups", body);
    EXPECT_EQ(answer.status, status) << answer.body;
    return Json::parse(answer.body);
  }
  Json ended(const std::string& id) {
    Json job;
    EXPECT_TRUE(eventually([&] {
      job = get_json("/api/v1/backups/" + id);
      return job["state"] != "running";
    }));
    return job;
  }
};

TEST_F(Keeping, SettingsAreMergedKeptAndGoBackToTheirDefaults) {
  const Json defaults{{"retention_days", 90},
                      {"max_db_size", std::uint64_t{4} << 30U},
                      {"record", {"block", "drop"}},
                      {"overridden", Json::array()},
                      {"restart_needed", Json::array()}};
  EXPECT_EQ(get_json("/api/v1/settings"), defaults);
  Json changed = defaults;
  changed["retention_days"] = 7;
  EXPECT_EQ(settings(R"({"retention_days": 7})"), changed);
  changed["max_db_size"] = 0;
  changed["record"] = {"drop", "permit"};
  changed["restart_needed"] = {"record"};
  EXPECT_EQ(settings(R"({"max_db_size": 0, "record": ["permit", "drop"]})"), changed);
  EXPECT_EQ(get_json("/api/v1/settings"), changed);
  ASSERT_EQ(saved_.size(), 2U);
  EXPECT_EQ(saved_[1].first, (StoredSettings{7, 0, 0b110}));
  EXPECT_EQ(saved_[1].second.days, 7U);
  EXPECT_EQ(saved_[1].second.max_bytes, 0U);
  EXPECT_EQ(settings(R"({"retention_days": null, "max_db_size": null, "record": null})"), defaults);
  EXPECT_EQ(saved_[2].first, StoredSettings{});
  EXPECT_EQ(settings("{}"), defaults);
}

TEST_F(Keeping, SettingsThatCannotBeUsedAreNamedAndNothingIsChanged) {
  for (const char* wrong :
       {R"({"retention_days": -1})", R"({"retention_days": 36501})", R"({"retention_days": "7"})",
        R"({"retention_days": 1.5})", R"({"max_db_size": 1048575})", R"({"max_db_size": true})",
        R"({"record": []})", R"({"record": ["block", "allow"]})", R"({"record": "block"})",
        R"({"retention_day": 7})", "[]", "{"}) {
    SCOPED_TRACE(wrong);
    EXPECT_EQ(settings(wrong, 400)["status"], 400);
  }
  EXPECT_TRUE(saved_.empty());
  save_result_ = make_error(ErrorCode::kUnavailable, "the store cannot be written at the moment");
  settings(R"({"retention_days": 7})", 503);
  EXPECT_EQ(get_json("/api/v1/settings")["retention_days"], 90);
}

TEST_F(Keeping, WhatTheCommandLineSaysStays) {
  Settings settings({.retention_days = 5, .max_db_size = {}, .record = 0b001}, {7, 8, 0b111});
  const auto view = settings.view();
  EXPECT_EQ(view.retention.days, 5U);
  EXPECT_EQ(view.retention.max_bytes, 8U);
  EXPECT_EQ(view.record.bits, 0b001);
  EXPECT_THAT(view.overridden, testing::ElementsAre("retention_days", "record"));
  EXPECT_TRUE(view.restart_needed.empty());
  int saves = 0;
  settings.set_save([&](const StoredSettings&, RetentionOptions) {
    ++saves;
    return Result<void>();
  });
  EXPECT_EQ(
      settings.change({.retention_days = {{9}}, .max_db_size = {{9}}, .record = {}}).error().code,
      ErrorCode::kConflict);
  EXPECT_EQ(saves, 0);
  EXPECT_EQ(settings.change({.retention_days = {}, .max_db_size = {{9}}, .record = {}})
                ->retention.max_bytes,
            9U);
  EXPECT_EQ(saves, 1);
}

TEST_F(Keeping, ABackupIsMadeListedAndFoundAgain) {
  store(1, 50);
  ASSERT_TRUE(audit_->trail().last_policy());  // the trail is there from its first use on
  EXPECT_EQ(get_json("/api/v1/backups"), (Json{{"backups", Json::array()}}));
  const auto answer = change("POST", "/api/v1/backups", R"({"name": "before-update"})");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(header_of(answer, "Location"), "/api/v1/backups/before-update");
  const Json job = ended("before-update");
  EXPECT_EQ(job["state"], "done") << job;
  EXPECT_EQ(job["file"], "backup-before-update.db");
  EXPECT_TRUE(job["audit_trail"]);
  EXPECT_EQ(job["bytes"], job["total_bytes"]);
  const std::string file = folder_.path("backups/backup-before-update.db");
  EXPECT_EQ(job["bytes"], std::filesystem::file_size(file));
  auto copy = StoreReader::open(file);
  ASSERT_TRUE(copy);
  EXPECT_EQ((*copy)->status()->rows, 50U);
  EXPECT_EQ(get_json("/api/v1/backups")["backups"].at(0), job);
  // Of an earlier run.
  backups_->stop();
  BackupJobs again(folder_.path("events.db"), folder_.path("backups"));
  ASSERT_TRUE(again.find("before-update"));
  EXPECT_FALSE(again.find("before-update")->started);
  EXPECT_EQ(again.find("before-update")->bytes, job["bytes"]);
}

TEST_F(Keeping, BackupsAreBoundedAndNeverOverwritten) {
  for (const char* wrong : {R"({"name": ""})", R"({"name": "../x"})", R"({"name": "a.db"})",
                            R"({"name": "A"})", R"({"name": 7})", R"({"path": "/x"})"}) {
    SCOPED_TRACE(wrong);
    backup(wrong, 400);
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.path("backups")));
  for (std::size_t i = 0; i < BackupJobs::kMaxKept; ++i) {
    const std::string name = i == 0 ? "" : "n" + std::to_string(i);
    const Json job = backup(name.empty() ? "{}" : R"({"name": ")" + name + "\"}");
    EXPECT_EQ(ended(job["id"])["state"], "done");
  }
  EXPECT_EQ(backup(R"({"name": "n1"})", 409)["code"], "conflict");
  backup("{}", 409);
  std::filesystem::remove(folder_.path("backups/backup-n1.db"));
  EXPECT_EQ(get("/api/v1/backups/n1").status, 404);
  EXPECT_EQ(get("/api/v1/backups/..").status, 404);
}

TEST_F(Keeping, OfManyAtOnceOneIsMade) {
  std::atomic<int> begun = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 8; ++i) {
      clients.emplace_back([&] { begun += backups_->start("same").has_value() ? 1 : 0; });
    }
  }
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(ended("same")["state"], "done");
}

TEST_F(Keeping, AFailedBackupSaysSoWithoutPaths) {
  std::filesystem::create_directory(folder_.path("backups"));
  folder_.write("backups/backup-x.db.audit", "taken");
  backup(R"({"name": "x"})");
  const Json job = ended("x");
  EXPECT_EQ(job["state"], "failed");
  EXPECT_EQ(job["error"].get<std::string>().find('/'), std::string::npos);
  EXPECT_FALSE(job["finished_time"].is_null());
}

TEST_F(Keeping, WhatAnEarlierRunLeftUnfinishedGoes) {
  store(1, 50);
  ASSERT_TRUE(audit_->trail().last_policy());
  std::filesystem::create_directory(folder_.path("backups"));
  // As of one that was killed when the trail had its name and the store did not.
  const std::string part = folder_.write(unfinished_backup("backups/backup-x.db"), "half");
  const std::string trail = folder_.write("backups/backup-x.db.audit", "whole");
  const std::string other = folder_.write(unfinished_backup("backups/mine.db"), "mine");
  BackupJobs again(folder_.path("events.db"), folder_.path("backups"));
  EXPECT_FALSE(std::filesystem::exists(part));
  EXPECT_FALSE(std::filesystem::exists(trail));
  EXPECT_TRUE(std::filesystem::exists(other));
  backup(R"({"name": "x"})");
  EXPECT_EQ(ended("x")["state"], "done");
}

}  // namespace
}  // namespace blockwatch
