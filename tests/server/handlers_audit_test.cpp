#include <algorithm>
#include <utility>

#include "monitor/audit_csv.h"
#include "server/handlers/handlers.h"
#include "tests/server/api_fixture.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kPolicy = "/api/v1/audit/policy";
constexpr const char* kConnection = "/api/v1/audit/policy/filtering-platform-connection";

// A system that takes no change, for the reason it was given.
class RefusingPolicy final : public AuditPolicySource {
 public:
  explicit RefusingPolicy(ErrorCode code) : code_(code) {}
  std::string_view kind() const override { return "windows"; }
  Result<AuditPolicy> read() override {
    AuditPolicy policy;
    policy.fill(AuditFlags{});
    if (code_ == ErrorCode::kUnsupported) return make_error(code_, "there are no functions");
    return policy;
  }
  Result<void> set(std::span<const AuditSetting>) override { return make_error(code_, "refused"); }
  std::optional<std::string> conflict(std::span<const AuditSetting>) override {
    return code_ == ErrorCode::kConflict ? std::optional<std::string>("a policy wins")
                                         : std::nullopt;
  }
  std::optional<SecurityLog> security_log() override {
    return SecurityLog{7, 8, WhenFull::kOverwrite, 0.04};
  }

 private:
  ErrorCode code_;
};

class AuditApi : public ApiTest {
 protected:
  http::Response send_json(const std::string& method, const std::string& target,
                           const std::string& body, const std::string& if_match = "*") {
    Headers headers;
    if (!if_match.empty()) headers["If-Match"] = if_match;
    http::Request r = request(method, target, headers);
    auto offset = std::make_shared<std::size_t>(0);
    r.body = [body, offset](char* buffer, std::size_t size) -> Result<std::size_t> {
      const std::size_t n = std::min({size, std::size_t{5}, body.size() - *offset});
      std::copy_n(body.data() + *offset, n, buffer);
      *offset += n;
      return n;
    };
    return send(std::move(r));
  }

  Json send_for(int status, const std::string& method, const std::string& target,
                const std::string& body, const std::string& if_match = "*") {
    const auto response = send_json(method, target, body, if_match);
    EXPECT_EQ(response.status, status) << target << ' ' << body << ": " << response.body;
    return Json::parse(response.body, nullptr, false);
  }

  std::vector<std::string> faults_of(const std::string& method, const std::string& target,
                                     const std::string& body) {
    const Json problem = send_for(400, method, target, body);
    EXPECT_EQ(problem["code"], "invalid_body");
    std::vector<std::string> names;
    if (!problem.contains("errors")) return names;
    for (const Json& fault : problem["errors"]) names.push_back(fault["parameter"]);
    return names;
  }

  std::string etag() { return header_of(get(kPolicy), "ETag"); }
};

TEST_F(AuditApi, TellsThePolicy) {
  const Json policy = get_json(kPolicy);
  EXPECT_EQ(policy["source"], "file");
  EXPECT_TRUE(policy["conflict"].is_null());
  EXPECT_TRUE(policy["security_log"].is_null());
  std::vector<std::string> slugs;
  for (const Json& row : policy["subcategories"]) slugs.push_back(row["slug"]);
  EXPECT_THAT(slugs, ElementsAre("filtering-platform-packet-drop", "filtering-platform-connection",
                                 "filtering-platform-policy-change"));
  EXPECT_EQ(get_json("/api/v1/audit/policy?all=true")["subcategories"].size(), 59U);
  EXPECT_EQ(get_json("/api/v1/audit/policy?all=false")["subcategories"].size(), 3U);
  EXPECT_EQ(get("/api/v1/audit/policy?all=maybe").status, 400);

  const Json row = get_json("/api/v1/audit/policy/0cce9226-69ae-11d9-bed3-505054503030");
  EXPECT_EQ(row, (Json{{"guid", "{0CCE9226-69AE-11D9-BED3-505054503030}"},
                       {"slug", "filtering-platform-connection"},
                       {"name", "Filtering Platform Connection"},
                       {"category", "Object Access"},
                       {"success", false},
                       {"failure", false}}));
  EXPECT_THAT(get("/api/v1/audit/policy/filtering-platform-conection").body,
              HasSubstr("did you mean \\\"filtering-platform-connection\\\"?"));
}

TEST_F(AuditApi, ChangesOneSubcategory) {
  const std::string before = etag();
  const auto response = send_json("PATCH", kConnection, R"({"failure":true})", before);
  ASSERT_EQ(response.status, 200) << response.body;
  const Json change = Json::parse(response.body);
  EXPECT_EQ(change["state"], "done");
  EXPECT_EQ(change["who"], "token:tester");
  EXPECT_EQ(change["client"], "127.0.0.1");
  EXPECT_EQ(change["settings"].size(), 1U);
  EXPECT_EQ(change["settings"][0]["before"], (Json{{"success", false}, {"failure", false}}));
  EXPECT_EQ(change["settings"][0]["after"], (Json{{"success", false}, {"failure", true}}));
  EXPECT_TRUE(change["settings"][0]["revert"].is_null());
  EXPECT_NE(header_of(response, "ETag"), before);
  EXPECT_EQ(header_of(response, "ETag"), etag());
  EXPECT_EQ(get_json(kConnection)["failure"], true);
  // Success is not named and stays.
  send_for(200, "PATCH", kConnection, R"({"success":true})");
  EXPECT_EQ(get_json(kConnection)["failure"], true);
}

TEST_F(AuditApi, NeedsTheRightIfMatch) {
  const std::string old = etag();
  EXPECT_EQ(send_for(428, "PATCH", kConnection, R"({"failure":true})", "")["code"],
            "precondition_required");
  send_for(200, "PATCH", kConnection, R"({"failure":true})", "\"other\", " + old);
  const auto stale = send_json("PATCH", kConnection, R"({"failure":false})", old);
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(header_of(stale, "ETag"), etag());
  send_for(412, "PATCH", kConnection, R"({"failure":false})", "W/" + etag());
  send_for(412, "PATCH", kConnection, R"({"failure":false})", "nonsense");
  EXPECT_EQ(get_json(kConnection)["failure"], true);
}

TEST_F(AuditApi, ADryRunOnlyTells) {
  const Json change = send_for(200, "PATCH", std::string(kConnection) + "?dry_run=true",
                               R"({"failure":true,"revert_after":"15m"})", "");
  EXPECT_EQ(change["state"], "planned");
  EXPECT_TRUE(change["id"].is_null());
  EXPECT_EQ(change["settings"][0]["after"]["failure"], true);
  EXPECT_FALSE(change["revert_time"].is_null());
  EXPECT_EQ(get_json(kConnection)["failure"], false);
  EXPECT_TRUE(get_json("/api/v1/audit/changes")["changes"].empty());
  send_for(412, "PATCH", std::string(kConnection) + "?dry_run=true", R"({"failure":true})",
           "\"x\"");
}

TEST_F(AuditApi, PresetsSetTheTwo) {
  const auto flags = [this](const char* slug) {
    const Json row = get_json(std::string(kPolicy) + "/" + slug);
    return std::pair<bool, bool>(row["success"], row["failure"]);
  };
  constexpr const char* kPackets = "filtering-platform-packet-drop";
  constexpr const char* kConnections = "filtering-platform-connection";
  send_for(200, "PUT", kPolicy, R"({"preset":"packets"})");
  EXPECT_EQ(flags(kPackets), std::pair(false, true));
  EXPECT_EQ(flags(kConnections), std::pair(false, true));
  send_for(200, "PUT", kPolicy, R"({"preset":"connections"})");
  EXPECT_EQ(flags(kPackets), std::pair(false, false));
  EXPECT_EQ(flags(kConnections), std::pair(false, true));
  send_for(200, "PATCH", kConnection, R"({"success":true})");
  send_for(200, "PUT", kPolicy, R"({"preset":"off"})");
  EXPECT_EQ(flags(kConnections), std::pair(false, false));
}

TEST_F(AuditApi, SettingsAreAllOrNothing) {
  send_for(200, "PUT", kPolicy,
           R"({"settings":{"logon":{"success":true},"{0cce9226-69ae-11d9-bed3-505054503030}":
              {"failure":true}},"revert_after":"2h"})");
  EXPECT_EQ(get_json("/api/v1/audit/policy/logon")["success"], true);
  const Json change = get_json("/api/v1/audit/changes")["changes"][0];
  EXPECT_EQ(change["settings"].size(), 2U);
  EXPECT_EQ(change["settings"][0]["revert"], "pending");
  EXPECT_THAT(faults_of("PUT", kPolicy, R"({"settings":{"logon":{"success":false},"x":{}}})"),
              ElementsAre("settings.x"));
  EXPECT_EQ(get_json("/api/v1/audit/policy/logon")["success"], true);
}

TEST_F(AuditApi, NamesEveryFaultOfABody) {
  EXPECT_THAT(faults_of("PATCH", kConnection, R"({"failure":1,"sucess":true,"revert_after":"0s"})"),
              ElementsAre("failure", "revert_after", "sucess"));
  EXPECT_THAT(faults_of("PATCH", kConnection, R"({"failure":true,"revert_after":"31d"})"),
              ElementsAre("revert_after"));
  EXPECT_THAT(faults_of("PATCH", kConnection, "{}"), ElementsAre(""));
  EXPECT_THAT(faults_of("PATCH", kConnection, ""), ElementsAre(""));
  EXPECT_THAT(faults_of("PUT", kPolicy, "{}"), ElementsAre(""));
  EXPECT_THAT(faults_of("PUT", kPolicy, R"({"preset":"all"})"), ElementsAre("preset"));
  EXPECT_THAT(
      faults_of("PUT", kPolicy, R"({"preset":"off","settings":{"logon":{"success":true}}})"),
      ElementsAre("preset"));
  EXPECT_THAT(faults_of("PUT", kPolicy, R"({"settings":{}})"), ElementsAre("settings"));
  EXPECT_THAT(faults_of("PUT", kPolicy, R"({"settings":[]})"), ElementsAre("settings"));
  EXPECT_THAT(
      faults_of("PUT", kPolicy,
                R"({"settings":{"logon":{},"logoff":1,"sam":{"success":"yes","x":1},"registry":
                   {"success":true},"{0CCE921E-69AE-11D9-BED3-505054503030}":{"success":true}}})"),
      ElementsAre("settings.logon", "settings.logoff", "settings.sam.success", "settings.sam.x",
                  "settings.{0CCE921E-69AE-11D9-BED3-505054503030}"));
  EXPECT_TRUE(get_json("/api/v1/audit/changes")["changes"].empty());
}

TEST_F(AuditApi, RefusesWhatIsNotOneStrictObject) {
  for (const std::string& body :
       {std::string("[]"), std::string("{"), std::string("1"), std::string("{\"failure\":true}x"),
        std::string("{\"failure\":\"\xFF\"}"), std::string("{\"failure\":true,\"failure\":true}"),
        std::string("{\"a\":{\"b\":1,\"b\":2}}"),
        "{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}",
        "{\"a\":" + std::string(30'000, '[')}) {
    EXPECT_THAT(faults_of("PATCH", kConnection, body), testing::IsEmpty()) << body.substr(0, 40);
  }
  // The same name in two objects is no fault of the form.
  EXPECT_THAT(faults_of("PATCH", kConnection, R"({"a":{"x":1},"b":{"x":1}})"),
              ElementsAre("a", "b"));
}

TEST_F(AuditApi, BacksUpAndRestores) {
  send_for(200, "PUT", kPolicy, R"({"preset":"packets"})");
  const auto made = send_json("POST", "/api/v1/audit/backups", "");
  ASSERT_EQ(made.status, 201);
  const std::string address = header_of(made, "Location");
  EXPECT_EQ(address, "/api/v1/audit/backups/" + Json::parse(made.body)["id"].get<std::string>());
  const auto file = get(address);
  EXPECT_EQ(file.status, 200);
  EXPECT_EQ(file.content_type, "text/csv; charset=utf-8");
  const auto csv = AuditCsv::parse(file.body);
  ASSERT_TRUE(csv) << csv.error().message;
  EXPECT_EQ(csv->policy().at(kAuditPacketDrop), (AuditFlags{false, true}));
  EXPECT_EQ(std::count(file.body.begin(), file.body.end(), '\n'), 60);

  send_for(200, "PUT", kPolicy, R"({"preset":"off"})");
  send_for(428, "POST", address + "/restore", "", "");
  EXPECT_EQ(send_for(200, "POST", address + "/restore?dry_run=true", "", "")["state"], "planned");
  EXPECT_EQ(get_json(kConnection)["failure"], false);
  const Json change = send_for(200, "POST", address + "/restore", R"({"revert_after":"1h"})");
  EXPECT_EQ(change["cause"], "restore");
  EXPECT_EQ(change["restores"], Json::parse(made.body)["id"]);
  EXPECT_EQ(change["settings"].size(), 59U);
  EXPECT_EQ(get_json(kConnection)["failure"], true);
  EXPECT_THAT(faults_of("POST", address + "/restore", R"({"dry_run":true})"),
              ElementsAre("dry_run"));
  get_json("/api/v1/audit/backups/99", 404);
  get_json("/api/v1/audit/backups/x", 404);
  send_for(404, "POST", "/api/v1/audit/backups/99/restore", "");
}

TEST_F(AuditApi, ListsPage) {
  for (int i = 0; i < 3; ++i) send_for(200, "PUT", kPolicy, R"({"preset":"packets"})");
  for (const char* list : {"changes", "backups"}) {
    const std::string target = "/api/v1/audit/" + std::string(list);
    Json page = get_json(target + "?limit=2");
    EXPECT_EQ(page[list].size(), 2U);
    EXPECT_EQ(page[list][0]["id"], "3");
    EXPECT_EQ(page["next"], "2");
    page = get_json(target + "?limit=2&before=2");
    EXPECT_EQ(page[list].size(), 1U);
    EXPECT_TRUE(page["next"].is_null());
    EXPECT_TRUE(get_json(target + "?limit=3")["next"].is_null());
    get_json(target + "?before=0", 400);
    get_json(target + "?limit=0", 400);
  }
}

TEST_F(AuditApi, ADamagedFileIsToldByItsLines) {
  folder_.write("audit-policy.csv", "Header\n1,2,3\n");
  const Json problem = get_json(kPolicy, 500);
  EXPECT_EQ(problem["code"], "audit_policy_damaged");
  EXPECT_THAT(problem["detail"].get<std::string>(), HasSubstr("line 2: expected 7 columns"));
  EXPECT_EQ(send_for(500, "PATCH", kConnection, R"({"failure":true})")["code"],
            "audit_policy_damaged");
}

TEST_F(AuditApi, TellsWhyTheSystemRefuses) {
  struct Case {
    ErrorCode code;
    int status;
    const char* said;
  };
  for (const Case& one :
       {Case{ErrorCode::kPermission, 403, "privilege_not_held"},
        Case{ErrorCode::kConflict, 409, "conflict"},
        Case{ErrorCode::kInvalidArgument, 400, "invalid_request"},
        Case{ErrorCode::kIo, 500, "internal"}, Case{ErrorCode::kUnsupported, 503, "unavailable"}}) {
    auto store = AuditStore::open(folder_.path("other"));
    ASSERT_TRUE(store);
    AuditKeeper keeper(std::make_unique<RefusingPolicy>(one.code), std::move(*store),
                       folder_.path("other"));
    ApiContext context{*readers_,  commits_, imports_, *streams_, keeper, *backups_,
                       *settings_, {},       {},       {},        {}};
    http::Request wish = request("PATCH", kConnection, {{"If-Match", "*"}});
    wish.path_values = {{"subcategory", "filtering-platform-connection"}};
    std::string body = R"({"failure":true})";
    wish.body = [&body](char* buffer, std::size_t) -> Result<std::size_t> {
      std::copy(body.begin(), body.end(), buffer);
      return std::exchange(body, {}).size();
    };
    const auto refused = handlers::set_audit_subcategory(context, wish);
    EXPECT_EQ(refused.status, one.status) << refused.body;
    EXPECT_EQ(Json::parse(refused.body)["code"], one.said);
    if (one.code != ErrorCode::kConflict) continue;
    const Json policy =
        Json::parse(handlers::get_audit_policy(context, request("GET", kPolicy)).body);
    EXPECT_EQ(policy["source"], "windows");
    EXPECT_EQ(policy["conflict"], "a policy wins");
    EXPECT_EQ(policy["security_log"], (Json{{"bytes", 7},
                                            {"max_bytes", 8},
                                            {"when_full", "overwrite"},
                                            {"bytes_per_hour", 0.0},
                                            {"hours_until_overwrite", 200.0}}));
  }
}

TEST_F(AuditApi, WhatSomebodyElseWroteIsNoticed) {
  send_for(200, "PUT", kPolicy, R"({"preset":"packets"})");
  AuditPolicy other;
  other.fill(AuditFlags{});
  folder_.write("audit-policy.csv", AuditCsv::make("PC", other).bytes());
  send_for(200, "PATCH", kConnection, R"({"success":true})");
  const Json changes = get_json("/api/v1/audit/changes")["changes"];
  ASSERT_EQ(changes.size(), 3U);
  EXPECT_EQ(changes[1]["cause"], "outside");
  EXPECT_EQ(changes[1]["who"], "outside");
  EXPECT_TRUE(changes[1]["client"].is_null());
  EXPECT_EQ(changes[1]["settings"].size(), 2U);
}

}  // namespace
}  // namespace blockwatch
