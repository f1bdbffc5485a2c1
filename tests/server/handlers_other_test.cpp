#include <zlib.h>

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

#include "server/gzip.h"
#include "tests/server/api_fixture.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string to_gzip(const std::string& plain) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, static_cast<uLong>(plain.size())) + 64, '\0');
  std::string input = plain;
  z.next_in = reinterpret_cast<Bytef*>(input.data());
  z.avail_in = static_cast<uInt>(input.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// Hands out at most `step` bytes at a time.
http::BodyReader body_of(std::string bytes, std::size_t step = 5) {
  auto offset = std::make_shared<std::size_t>(0);
  return [bytes = std::move(bytes), offset, step](char* buffer,
                                                  std::size_t size) -> Result<std::size_t> {
    std::size_t n = std::min({size, step, bytes.size() - *offset});
    std::copy_n(bytes.data() + *offset, n, buffer);
    *offset += n;
    return n;
  };
}

class Api : public ApiTest {};

TEST_F(Api, TopCountsValues) {
  store(1, 30);
  Json top = get_json("/api/v1/stats/top?by=application_name&limit=2&direction=inbound");
  EXPECT_EQ(top["by"], "application_name");
  EXPECT_EQ(top["total"], 15);
  ASSERT_EQ(top["values"].size(), 2U);
  EXPECT_EQ(top["values"][0], (Json{{"value", "app0.exe"}, {"count", 5}}));
  for (const char* by :
       {"application", "application_name", "remote_address", "remote_port", "local_port",
        "direction", "protocol", "event_id", "filter_name", "reason", "host", "process_id"}) {
    Json all = get_json("/api/v1/stats/top?limit=1000&by=" + std::string(by));
    std::uint64_t sum = 0;
    for (const Json& entry : all["values"]) sum += entry["count"].get<std::uint64_t>();
    EXPECT_EQ(sum, 30U) << by;
    EXPECT_EQ(all["total"], 30) << by;
  }
  EXPECT_TRUE(get_json("/api/v1/stats/top?by=filter_name")["values"][0]["value"].is_null());
  EXPECT_EQ(get("/api/v1/stats/top").status, 400);
}

TEST_F(Api, TimelineCountsPerBucket) {
  store(1, 130);
  Json line = get_json("/api/v1/stats/timeline?bucket=1m");
  EXPECT_EQ(line["bucket"], "1m");
  EXPECT_TRUE(line["by"].is_null());
  ASSERT_EQ(line["points"].size(), 3U);
  EXPECT_EQ(line["points"][0]["start"], "2023-11-14T22:13:00.0000000Z");
  EXPECT_EQ(line["points"][0]["counts"], (Json::array({{{"value", nullptr}, {"count", 39}}})));
  EXPECT_EQ(line["points"][1]["counts"][0]["count"], 60);
  EXPECT_EQ(line["points"][2]["counts"][0]["count"], 31);

  line = get_json("/api/v1/stats/timeline?bucket=1d&by=direction&remote_port=443");
  EXPECT_EQ(line["by"], "direction");
  ASSERT_EQ(line["points"].size(), 1U);
  EXPECT_EQ(line["points"][0]["counts"], (Json::array({{{"value", "inbound"}, {"count", 32}}})));
}

TEST_F(Api, FieldValuesByPrefix) {
  store(1, 30);
  Json values = get_json("/api/v1/fields/application_name/values?prefix=APP");
  EXPECT_EQ(values["field"], "application_name");
  ASSERT_EQ(values["values"].size(), 3U);
  EXPECT_EQ(values["values"][0], (Json{{"value", "app0.exe"}, {"count", 10}}));
  EXPECT_EQ(get_json("/api/v1/fields/remote_address/values?limit=4")["values"].size(), 4U);
  for (const char* field : {"direction",
                            "action",
                            "scope",
                            "protocol",
                            "event_id",
                            "local_port",
                            "remote_port",
                            "local_address",
                            "remote_address",
                            "application",
                            "application_name",
                            "process_id",
                            "user",
                            "filter_id",
                            "filter_name",
                            "filter_origin",
                            "layer",
                            "interface_index",
                            "reason",
                            "host",
                            "source"}) {
    get_json("/api/v1/fields/" + std::string(field) + "/values");
  }
  Json problem = get_json("/api/v1/fields/remote_adress/values", 404);
  EXPECT_THAT(problem["errors"][0]["expected"], HasSubstr("did you mean \"remote_address\"?"));
}

TEST_F(Api, CoverageTellsWhatIsMissing) {
  EXPECT_EQ(get_json("/api/v1/coverage"),
            (Json{{"complete", true}, {"facts", Json::array()}, {"more", false}}));
  const Timestamp start{17'000'000'000'000'000};
  const Timestamp end{start.ticks + Timestamp::kTicksPerSecond};
  store_facts({{.kind = CoverageKind::kRecordsMissing,
                .start = start,
                .end = end,
                .first_record_id = 11,
                .last_record_id = 30,
                .missing_records = 20,
                .detail = "over\"written"},
               {.kind = CoverageKind::kSourceDown, .start = end}});
  const Json all = get_json("/api/v1/coverage");
  ASSERT_EQ(all["facts"].size(), 2U);
  EXPECT_FALSE(all["complete"]);
  EXPECT_EQ(all["facts"][0], (Json{{"kind", "source-down"},
                                   {"source", "windows:Security"},
                                   {"start_time", "2023-11-14T22:13:21.0000000Z"},
                                   {"end_time", nullptr},
                                   {"first_record_id", nullptr},
                                   {"last_record_id", nullptr},
                                   {"missing_records", nullptr},
                                   {"count", 1},
                                   {"detail", ""}}));
  EXPECT_EQ(all["facts"][1]["end_time"], "2023-11-14T22:13:21.0000000Z");
  EXPECT_EQ(all["facts"][1]["missing_records"], 20);
  EXPECT_EQ(all["facts"][1]["detail"], "over\"written");
  EXPECT_EQ(get_json("/api/v1/coverage?until=2023-11-14T22:13:21Z")["facts"].size(), 1U);
  EXPECT_TRUE(get_json("/api/v1/coverage?limit=1")["more"]);
  get_json("/api/v1/coverage?host=a", 400);
}

TEST_F(Api, SourcesRunningAndRemembered) {
  store(1, 3, "evtx:a.evtx");
  store(4, 5, "evtx:old.evtx");
  sources_ = {{.name = "evtx:a.evtx", .state = "following", .lag_ms = 219, .rate_per_s = 1.5},
              {.name = "stdin:xml", .state = "failed", .last_error = "no"}};
  Json list = get_json("/api/v1/sources")["sources"];
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0]["name"], "evtx:a.evtx");
  EXPECT_EQ(list[0]["state"], "following");
  EXPECT_EQ(list[0]["position"], "3");
  EXPECT_EQ(list[0]["lag_ms"], 219);
  EXPECT_EQ(list[0]["rate_per_s"], 1.5);
  EXPECT_EQ(list[0]["stored"], 3);
  EXPECT_TRUE(list[0]["last_error"].is_null());
  EXPECT_EQ(list[0]["last_event_time"], "2023-11-14T22:13:23.0000007Z");
  EXPECT_FALSE(list[0]["updated_time"].is_null());
  EXPECT_EQ(list[1]["last_error"], "no");
  EXPECT_EQ(list[1]["stored"], 0);
  EXPECT_EQ(list[2]["name"], "evtx:old.evtx");
  EXPECT_EQ(list[2]["state"], "finished");
}

TEST_F(Api, StatusOfStoreAndProgram) {
  store(1, 3);
  service_.version = "1.2.3";
  service_.start_time = Timestamp{now().ticks - 5 * Timestamp::kTicksPerSecond};
  service_.writer.stored = 3;
  service_.stored_per_s = 0.5;
  service_.record = kBlocksAndDrops;
  Json status = get_json("/api/v1/status");
  EXPECT_EQ(status["version"], "1.2.3");
  EXPECT_GE(status["uptime_s"].get<double>(), 5.0);
  EXPECT_EQ(status["store"]["rows"], 3);
  EXPECT_EQ(status["store"]["newest_seq"], 3);
  EXPECT_EQ(status["store"]["oldest_time"], "2023-11-14T22:13:21.0000007Z");
  EXPECT_EQ(status["writer"]["stored"], 3);
  EXPECT_EQ(status["rates"]["stored_per_s"], 0.5);
  EXPECT_EQ(status["record"], (Json{"block", "drop"}));
  EXPECT_EQ(status.dump().find(folder_.path()), std::string::npos);
}

TEST_F(Api, HealthNamesEachCheck) {
  EXPECT_EQ(get("/health/live").body, R"({"status":"live"})");
  checks_ = {{"store", true, "", Timestamp{17'000'000'000'000'000}}};
  EXPECT_EQ(get("/health/ready").body,
            R"({"status":"ready","checks":[{"name":"store","status":"ok","detail":null,)"
            R"("since":"2023-11-14T22:13:20.0000000Z"}]})");
  checks_.push_back({"ingest", false, "no commit for 31 s", {}});
  http::Response red = get("/health/ready");
  EXPECT_EQ(red.status, 503);
  EXPECT_EQ(red.content_type, "application/json");
  EXPECT_FALSE(header_of(red, "Retry-After").empty());
  Json body = Json::parse(red.body);
  EXPECT_EQ(body["status"], "degraded");
  EXPECT_EQ(body["checks"][1]["detail"], "no commit for 31 s");
}

TEST_F(Api, MetricsAreWellFormedAndBounded) {
  for (std::uint64_t i = 0; i < 20; ++i) store(i * 2 + 1, i * 2 + 2, "evtx:" + std::to_string(i));
  service_.version = "1.2.3";
  sources_ = {{.name = "evtx:a", .state = "failed", .lag_ms = 1500, .last_error = "x"},
              {.name = "evtx:b", .state = "following", .lag_ms = 10}};
  checks_ = {{"store", true, "", {}}};
  http::Response response = get("/metrics");
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  const std::regex line(
      R"((# (HELP|TYPE) blockwatch_[a-z_]+ .+|blockwatch_[a-z_]+(\{[a-z]+="[^"\\\n]*"\})? [0-9.e+-]+))");
  std::istringstream lines(response.body);
  for (std::string text; std::getline(lines, text);) {
    EXPECT_TRUE(std::regex_match(text, line)) << text;
  }
  EXPECT_THAT(response.body, HasSubstr("\nblockwatch_store_rows 40\n"));
  EXPECT_THAT(response.body,
              HasSubstr("\nblockwatch_source_events_stored_total{kind=\"evtx\"} 40\n"));
  EXPECT_THAT(response.body, HasSubstr("\nblockwatch_source_lag_seconds{kind=\"evtx\"} 1.5\n"));
  EXPECT_THAT(response.body, HasSubstr("\nblockwatch_sources_failed{kind=\"evtx\"} 1\n"));
  EXPECT_THAT(response.body, HasSubstr("\nblockwatch_health_check_ok{check=\"store\"} 1\n"));
}

TEST_F(Api, ImportsTakeTheBodyAndTellTheirJob) {
  http::Request r =
      request("POST", "/api/v1/imports?name=Security.evtx", {{"Content-Length", "16"}});
  r.body = body_of("ElfFile and more");
  http::Response response = send(r);
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(header_of(response, "Location"), "/api/v1/imports/j1");
  EXPECT_EQ(response.body, R"({"id":"j1","state":"queued","received_bytes":16,"total_bytes":16,)"
                           R"("report":null,"error":null})");
  EXPECT_THAT(imports_.bodies, ElementsAre("ElfFile and more"));
  EXPECT_EQ(imports_.name, "Security.evtx");
}

TEST_F(Api, ImportsMayBeCompressed) {
  std::string plain;
  for (int i = 0; i < 20000; ++i) plain += "line " + std::to_string(i) + "\n";
  const std::string packed = to_gzip(plain);
  http::Request r =
      request("POST", "/api/v1/imports",
              {{"Content-Encoding", "gzip"}, {"Content-Length", std::to_string(packed.size())}});
  r.body = body_of(packed, 1000);
  http::Response response = send(r);
  EXPECT_EQ(response.status, 202) << response.body;
  EXPECT_EQ(imports_.bodies.back(), plain);
  EXPECT_EQ(imports_.name, "upload");
  EXPECT_EQ(imports_.job.sent_bytes, packed.size());

  for (const std::string& bad : {packed.substr(0, packed.size() / 2), std::string("not gzip"),
                                 packed + "trailing", std::string()}) {
    r.body = body_of(bad, 1000);
    EXPECT_EQ(send(r).status, 400);
  }
}

TEST_F(Api, ImportFaults) {
  http::Request r = request("POST", "/api/v1/imports?name=a/b");
  r.body = body_of("x");
  EXPECT_EQ(send(r).status, 400);
  EXPECT_TRUE(imports_.bodies.empty()) << "nothing is read of a refused request";
  r = request("POST", "/api/v1/imports");
  EXPECT_EQ(send(r).status, 400) << "no body";
  r.body = [](char*, std::size_t) -> Result<std::size_t> {
    return make_error(ErrorCode::kUnavailable, "The client stalled.");
  };
  http::Response response = send(r);
  EXPECT_EQ(response.status, 503);
  EXPECT_FALSE(header_of(response, "Retry-After").empty());
}

TEST_F(Api, ImportReports) {
  imports_.job.id = "j7";
  imports_.job.state = ImportState::kDone;
  imports_.job.sent_bytes = 1118208;
  ImportReport report;
  report.source = "evtx:Security.evtx";
  report.format = "evtx";
  report.file.bytes = 2'000'000;
  report.file.records = 2261;
  report.file.wanted = 117;
  report.file.note(69632, "checksum");
  report.stored = 115;
  report.duplicate = 2;
  report.seconds = 0.5;
  imports_.job.report = report;
  Json job = get_json("/api/v1/imports/j7");
  EXPECT_EQ(job["state"], "done");
  EXPECT_EQ(job["report"]["source"], "evtx:Security.evtx");
  EXPECT_EQ(job["report"]["format"], "evtx");
  EXPECT_EQ(job["report"]["damaged"], 1);
  EXPECT_EQ(job["report"]["damage"], (Json::array({{{"offset", 69632}, {"what", "checksum"}}})));
  EXPECT_EQ(job["report"]["mb_per_s"], 4.0);
  imports_.job.state = ImportState::kFailed;
  imports_.job.error = "expected an .evtx file";
  EXPECT_EQ(get_json("/api/v1/imports/j7")["error"], "expected an .evtx file");
  EXPECT_EQ(get("/api/v1/imports/other").status, 404);
}

TEST_F(Api, FilesWithTheirTags) {
  const std::string plain = "openapi: 3.1.0\n" + std::string(5000, '#');
  const std::string packed = to_gzip(plain);
  const std::vector<EmbeddedFile> files{
      {"/openapi.yaml",
       "application/yaml",
       "W/\"abc\"",
       {reinterpret_cast<const unsigned char*>(packed.data()), packed.size()},
       plain.size()}};
  context_->files = files;

  http::Response response = get("/openapi.yaml");
  EXPECT_EQ(response.shared_body, plain);
  EXPECT_EQ(response.content_type, "application/yaml");
  EXPECT_EQ(header_of(response, "ETag"), "W/\"abc\"");
  EXPECT_EQ(header_of(response, "Content-Encoding"), "");
  for (const char* accept : {"gzip", "br, gzip;q=0.5", "*"}) {
    response = get("/openapi.yaml", {{"Accept-Encoding", accept}});
    EXPECT_EQ(header_of(response, "Content-Encoding"), "gzip") << accept;
    EXPECT_EQ(response.shared_body, packed);
    EXPECT_EQ(header_of(response, "Vary"), "Accept-Encoding");
  }
  for (const char* accept : {"br", "gzip;q=0", "identity"}) {
    response = get("/openapi.yaml", {{"Accept-Encoding", accept}});
    EXPECT_EQ(header_of(response, "Content-Encoding"), "") << accept;
  }
  for (const char* tags : {"W/\"abc\"", "\"abc\"", "\"x\", W/\"abc\"", "*"}) {
    response = get("/openapi.yaml", {{"If-None-Match", tags}});
    EXPECT_EQ(response.status, 304) << tags;
    EXPECT_EQ(response.shared_body, "");
  }
  EXPECT_EQ(get("/openapi.yaml", {{"If-None-Match", "\"abcd\""}}).status, 200);
  EXPECT_EQ(get("/docs/none.js").status, 404);
}

TEST_F(Api, RootLeadsToTheDocs) {
  http::Response response = get("/");
  EXPECT_EQ(response.status, 307);
  EXPECT_EQ(header_of(response, "Location"), "/docs");
}

TEST_F(Api, RoutesWithoutParametersRefuseThem) {
  for (const char* target : {"/api/v1/sources?x=1", "/api/v1/status?x=1", "/health/live?x=1",
                             "/health/ready?x=1", "/metrics?x=1", "/openapi.yaml?x=1", "/docs?x=1",
                             "/?x=1", "/api/v1/imports/j1?x=1", "/api/v1/events/1?x=1"}) {
    EXPECT_EQ(get(target).status, 400) << target;
  }
}

TEST_F(Api, OnlyChangesNeedMoreThanReading) {
  // What a reader may have made for itself; a code is what opens a session.
  const std::map<std::string_view, Permission> of_readers{
      {"/api/v1/session-codes", Permission::kRead},
      {"/api/v1/stream-tickets", Permission::kRead},
      {"/api/v1/session", Permission::kNothing}};
  for (const Route& route : router_->routes()) {
    const bool own = of_readers.contains(route.pattern);
    if (route.method == "GET") {
      EXPECT_TRUE(route.permission == Permission::kRead ||
                  route.permission == Permission::kNothing);
      EXPECT_EQ(route.body.max_bytes, 0U);
    } else if (own) {
      EXPECT_EQ(route.permission, of_readers.at(route.pattern));
    } else {
      EXPECT_GT(route.permission, Permission::kRead) << route.pattern;
      if (route.pattern.starts_with("/api/v1/audit/")) {
        EXPECT_EQ(route.permission, Permission::kAudit);
      }
    }
    if (route.permission == Permission::kNothing && !own) {
      EXPECT_EQ(route.pattern.find("/api/"), std::string::npos) << route.pattern;
    }
  }
}

TEST(Gzip, ReadsMembersOneAfterTheOther) {
  std::string plain_a(100'000, 'a');
  std::string plain_b = "second";
  for (std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{65536}}) {
    bool too_large = false;
    auto reader =
        gunzip_reader(body_of(to_gzip(plain_a) + to_gzip(plain_b), step), 1 << 20, &too_large);
    std::string got;
    std::array<char, 777> buffer;
    for (;;) {
      auto n = reader(buffer.data(), buffer.size());
      ASSERT_TRUE(n);
      if (*n == 0) break;
      got.append(buffer.data(), *n);
    }
    EXPECT_EQ(got, plain_a + plain_b);
  }
}

TEST(Gzip, StopsAtItsBound) {
  bool too_large = false;
  auto reader = gunzip_reader(body_of(to_gzip(std::string(1'000'000, 'a')), 100), 5000, &too_large);
  std::array<char, 1000> buffer;
  std::size_t total = 0;
  for (;;) {
    auto n = reader(buffer.data(), buffer.size());
    if (!n) break;
    ASSERT_GT(*n, 0U);
    total += *n;
  }
  EXPECT_TRUE(too_large);
  EXPECT_EQ(total, 5000U);
}

TEST(Gzip, WholeNeedsTheSize) {
  const std::string packed = to_gzip("hello");
  std::span bytes(reinterpret_cast<const unsigned char*>(packed.data()), packed.size());
  EXPECT_EQ(*gunzip(bytes, 5), "hello");
  EXPECT_FALSE(gunzip(bytes, 4));
  EXPECT_FALSE(gunzip(bytes, 6));
  EXPECT_FALSE(gunzip(bytes.first(bytes.size() - 3), 5));
}

}  // namespace
}  // namespace blockwatch
