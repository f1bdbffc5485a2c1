#include <algorithm>
#include <thread>

#include "server/event_json.h"
#include "tests/server/api_fixture.h"
#include "tests/support/eventually.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Events : public ApiTest {
 protected:
  // Follows Link from the first page to the last; hands each page on.
  template <class PageFn>
  void walk(std::string target, PageFn&& each) {
    for (int pages = 0; pages < 1000; ++pages) {
      http::Response response = get(target);
      ASSERT_EQ(response.status, 200) << response.body;
      Json page = Json::parse(response.body);
      each(page);
      std::string link = header_of(response, "Link");
      ASSERT_EQ(link.empty(), page["next"].is_null());
      if (link.empty()) return;
      ASSERT_TRUE(link.starts_with("<") && link.ends_with(">; rel=\"next\"")) << link;
      target = link.substr(1, link.find('>') - 1);
      ASSERT_THAT(target, HasSubstr("next=" + page["next"].get<std::string>()));
    }
    FAIL() << "the pages do not end";
  }

  std::vector<std::uint64_t> walk_seqs(const std::string& target) {
    std::vector<std::uint64_t> all;
    walk(target, [&](const Json& page) {
      for (std::uint64_t seq : seqs(page)) all.push_back(seq);
    });
    return all;
  }
};

TEST_F(Events, EmptyStoreGivesAnEmptyPage) {
  http::Response response = get("/api/v1/events");
  EXPECT_EQ(response.body, R"({"events":[],"next":null,"newest_seq":0})");
  EXPECT_EQ(response.content_type, "application/json");
}

TEST_F(Events, NewestFirstWithEveryField) {
  store(1, 3);
  Json page = get_json("/api/v1/events");
  EXPECT_THAT(seqs(page), ElementsAre(3, 2, 1));
  EXPECT_EQ(page["newest_seq"], 3);
  EXPECT_FALSE(page.contains("total"));
  const Json& e = page["events"][1];
  EXPECT_EQ(e.size(), default_event_fields().size());
  EXPECT_EQ(e["id"], "2");
  EXPECT_EQ(e["time"], "2023-11-14T22:13:22.0000007Z");
  EXPECT_EQ(e["source"], "evtx:a.evtx");
  EXPECT_EQ(e["action"], "block");
  EXPECT_EQ(e["scope"], "connection");
  EXPECT_EQ(e["direction"], "inbound");
  EXPECT_EQ(e["protocol_name"], "tcp");
  EXPECT_EQ(e["remote_address"], "198.51.100.2");
  EXPECT_EQ(e["application_name"], "app2.exe");
  EXPECT_TRUE(e["user"].is_null());
  EXPECT_EQ(e["reason"], "default-inbound");
}

TEST_F(Events, FiltersSelectionRawAndCount) {
  store(1, 40);
  Json page = get_json(
      "/api/v1/events?direction=inbound&remote_port=443&limit=3&count=exact&order=asc"
      "&fields=seq,remote_port&include=raw");
  EXPECT_EQ(page["total"], 10);
  EXPECT_THAT(seqs(page), ElementsAre(4, 8, 12));
  EXPECT_EQ(page["events"][0].size(), 3U);
  EXPECT_EQ(page["events"][0]["raw"]["Extra"], "value, \"4\"");
}

TEST_F(Events, EveryFilterIsTaken) {
  store(1, 30);
  const std::vector<std::pair<std::string, std::size_t>> cases{
      {"direction=inbound", 15},
      {"direction__not=inbound", 15},
      {"action=drop", 10},
      {"scope=packet", 10},
      {"protocol=udp", 6},
      {"event_id=5150-5153", 10},
      {"port=443", 7},
      {"local_port=40001-40003", 3},
      {"remote_port__not=443", 23},
      {"address=198.51.100.5", 1},
      {"local_address=192.0.2.0/24", 30},
      {"remote_address=198.51.100.1-198.51.100.4", 4},
      {"application=app1.exe", 10},
      {"application=*%5Capp1.exe", 10},
      {"application_name=APP1.EXE", 10},
      {"process_id=4", 30},
      {"user=S-1-5-18", 0},
      {"filter_id=67001", 15},
      {"filter_name=x", 0},
      {"filter_origin=x", 0},
      {"layer=connect", 30},
      {"interface_index=1", 0},
      {"reason=rule,unknown", 15},
      {"host=pc01", 30},
      {"source=evtx:a.evtx", 30},
      {"record_id=1001,1002", 2},
      {"since=1700000011", 20},
      {"until=1700000011", 10},
      {"q=APP2", 10},
      {"q=198.51.100.3", 2},
  };
  for (const auto& [filter, count] : cases) {
    EXPECT_EQ(get_json("/api/v1/events?limit=1000&" + filter)["events"].size(), count) << filter;
  }
}

TEST_F(Events, PagesNeitherShiftNorRepeatNorSkipWhileRowsArrive) {
  store(101, 200);
  for (const char* order : {"desc", "asc"}) {
    std::vector<std::uint64_t> expected =
        walk_seqs("/api/v1/events?limit=1000&order=" + std::string(order));
    std::vector<std::uint64_t> got;
    std::uint64_t next = order == std::string("desc") ? 201 : 301;
    std::uint64_t late = order == std::string("desc") ? 1 : 21;
    walk("/api/v1/events?limit=9&order=" + std::string(order), [&](const Json& page) {
      for (std::uint64_t seq : seqs(page)) got.push_back(seq);
      store(next, next);  // newer than all
      store(late, late);  // an old event that comes late
      ++next;
      ++late;
    });
    EXPECT_EQ(got, expected) << order;
  }
}

TEST_F(Events, WalkingLinksEqualsOneExport) {
  store(1, 250);
  const std::string filter = "direction=inbound&remote_port=443,8000-8100&application=*%5Capp*";
  std::vector<std::uint64_t> walked = walk_seqs("/api/v1/events?limit=7&" + filter);
  EXPECT_EQ(walked.size(), 125U);

  std::string lines = whole_body(get("/api/v1/events?format=ndjson&fields=seq&" + filter));
  std::string csv =
      whole_body(get("/api/v1/events?fields=seq&" + filter, {{"Accept", "text/csv"}}));
  std::string expected_lines;
  std::string expected_csv = "seq\r\n";
  for (std::uint64_t seq : walked) {
    expected_lines += "{\"seq\":" + std::to_string(seq) + "}\n";
    expected_csv += std::to_string(seq) + "\r\n";
  }
  EXPECT_EQ(lines, expected_lines);
  EXPECT_EQ(csv, expected_csv);
}

TEST_F(Events, ExportsGoOnBeyondOnePageAndKeepToALimit) {
  store(1, 2500);
  auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  EXPECT_EQ(lines(whole_body(get("/api/v1/events?format=ndjson"))), 2500);
  EXPECT_EQ(lines(whole_body(get("/api/v1/events?format=csv&limit=10"))), 11);
  http::Response response = get("/api/v1/events?format=ndjson");
  int writes = 0;
  response.stream([&](std::string_view) { return ++writes < 2; });
  EXPECT_EQ(writes, 2) << "ends when the client is gone";
}

TEST_F(Events, ExportOfNothing) {
  EXPECT_EQ(whole_body(get("/api/v1/events?format=ndjson")), "");
  EXPECT_EQ(whole_body(get("/api/v1/events?format=csv&fields=time,host")), "time,host\r\n");
}

TEST_F(Events, AcceptChoosesTheFormat) {
  store(1, 1);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "application/json"},
      {"*/*", "application/json"},
      {"application/*", "application/json"},
      {"text/html,application/xhtml+xml,*/*;q=0.8", "application/json"},
      {"application/x-ndjson", "application/x-ndjson"},
      {"text/csv;q=0.9, application/json;q=0.5", "text/csv; charset=utf-8"},
      {"TEXT/CSV", "text/csv; charset=utf-8"},
      {"application/json;q=0, */*", "application/x-ndjson"},
  };
  for (const auto& [accept, type] : cases) {
    EXPECT_EQ(get("/api/v1/events", {{"Accept", accept}}).content_type, type) << accept;
  }
  http::Response refused = get("/api/v1/events", {{"Accept", "image/png"}});
  EXPECT_EQ(refused.status, 406);
  EXPECT_THAT(refused.body, HasSubstr("not_acceptable"));
  EXPECT_EQ(get("/api/v1/events?format=csv", {{"Accept", "image/png"}}).status, 200);
}

TEST_F(Events, FaultsAreAProblem) {
  http::Response response = get("/api/v1/events?direciton=inbound&remote_port=70000");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.content_type, "application/problem+json");
  Json problem = Json::parse(response.body);
  EXPECT_EQ(problem["code"], "unknown_parameter");
  ASSERT_EQ(problem["errors"].size(), 2U);
  EXPECT_EQ(problem["errors"][0]["parameter"], "direciton");
}

TEST_F(Events, ATokenOfAnotherQuestionIsRefused) {
  store(1, 5);
  std::string next = get_json("/api/v1/events?limit=2")["next"];
  EXPECT_EQ(get("/api/v1/events?limit=3&next=" + next).status, 200);
  EXPECT_EQ(get("/api/v1/events?order=asc&next=" + next).status, 400);
  EXPECT_EQ(get("/api/v1/events?host=x&next=" + next).status, 400);
  next[3] = next[3] == 'A' ? 'B' : 'A';
  EXPECT_EQ(get("/api/v1/events?limit=2&next=" + next).status, 400);
}

TEST_F(Events, LinkKeepsTheQueryAndIsWellFormed) {
  store(1, 5);
  http::Response response = get("/api/v1/events?q=a>%22<pp&limit=2&&host=PC01");
  std::string link = header_of(response, "Link");
  EXPECT_TRUE(link.starts_with("</api/v1/events?q=a%3E%22%3Cpp&limit=2&host=PC01&next=") ||
              link.empty())
      << link;
  response = get("/api/v1/events?limit=2&q=%61pp");
  link = header_of(response, "Link");
  EXPECT_TRUE(link.starts_with("</api/v1/events?limit=2&q=%61pp&next=")) << link;
}

TEST_F(Events, LongPollGivesNewerOnesInSeqOrder) {
  store(1, 10);
  Json answer = get_json("/api/v1/events?after=4&limit=3");
  EXPECT_THAT(seqs(answer), ElementsAre(5, 6, 7));
  EXPECT_TRUE(answer["next"].is_null());
  EXPECT_EQ(answer["covered_seq"], 7);
  EXPECT_EQ(answer["newest_seq"], 10);
  EXPECT_TRUE(answer["gap"].is_null());
  answer = get_json("/api/v1/events?after=4&direction=inbound&fields=seq");
  EXPECT_THAT(seqs(answer), ElementsAre(6, 8, 10));
  EXPECT_EQ(answer["covered_seq"], 10);
}

TEST_F(Events, LongPollWithoutWaitAnswersAtOnce) {
  store(1, 2);
  Json answer = get_json("/api/v1/events?after=2");
  EXPECT_TRUE(answer["events"].empty());
  EXPECT_EQ(answer["covered_seq"], 2);
  answer = get_json("/api/v1/events?after=100");
  EXPECT_TRUE(answer["events"].empty());
  EXPECT_EQ(answer["covered_seq"], 100) << "never back behind what the client has seen";
}

TEST_F(Events, LongPollWakesOnTheFirstMatchingCommit) {
  store(1, 2);
  std::thread writer([this] {
    store(3, 3);  // outbound: not a match
    store(4, 4);
  });
  Json answer = get_json("/api/v1/events?after=2&wait=60s&direction=inbound");
  writer.join();
  EXPECT_THAT(seqs(answer), ElementsAre(4));
}

TEST_F(Events, LongPollEndsWhenTheProgramStops) {
  std::thread stopper([this] { commits_.close(); });
  Json answer = get_json("/api/v1/events?after=0&wait=60s");
  stopper.join();
  EXPECT_TRUE(answer["events"].empty());
}

TEST_F(Events, LongPollTellsAGap) {
  store(1, 10);
  ASSERT_TRUE(store_->delete_oldest(4, kMaxTimestamp));
  Json answer = get_json("/api/v1/events?after=1&limit=2");
  EXPECT_EQ(answer["gap"], (Json{{"from_seq", 2}, {"to_seq", 4}}));
  EXPECT_THAT(seqs(answer), ElementsAre(5, 6));
}

TEST_F(Events, OneEventWithRawAndExplanation) {
  store(1, 3);
  Json e = get_json("/api/v1/events/2");
  EXPECT_EQ(e["id"], "2");
  EXPECT_EQ(e["raw"]["Extra"], "value, \"2\"");
  EXPECT_EQ(e["explanation"]["reason"], e["reason"]);
  EXPECT_FALSE(e["explanation"]["summary"].get<std::string>().empty());
  EXPECT_TRUE(e["explanation"]["evidence"].is_array());
  EXPECT_THAT(e["explanation"]["confidence"], testing::AnyOf("high", "medium", "low"));
  EXPECT_EQ(e.size(), default_event_fields().size() + 2);
}

TEST_F(Events, UnknownIdsAndDeletedOnes) {
  store(1, 5);
  ASSERT_TRUE(store_->delete_oldest(2, kMaxTimestamp));
  for (const char* id : {"6", "0", "x", "-1", "18446744073709551616", "1.0", " 1"}) {
    EXPECT_EQ(get("/api/v1/events/" + std::string(id)).status, 404) << id;
  }
  EXPECT_EQ(get("/api/v1/events/1").status, 410);
  EXPECT_EQ(get("/api/v1/events/2").status, 410);
  EXPECT_EQ(get("/api/v1/events/3").status, 200);
  EXPECT_EQ(get("/api/v1/events/3?fields=seq").status, 400);
}

TEST_F(Events, AStoreThatIsGoneIsAnErrorWithoutItsPath) {
  ReaderPool nowhere(folder_.path("missing.db"));
  EventStreams streams(nowhere, commits_);
  ApiContext context{nowhere,    commits_, imports_, streams, *audit_, *backups_,
                     *settings_, {},       {},       {},      {}};
  Router router(make_routes(context));
  for (const char* target :
       {"/api/v1/events", "/api/v1/events?format=csv", "/api/v1/events?after=1", "/api/v1/events/1",
        "/api/v1/events/stream", "/api/v1/stats/top?by=host", "/api/v1/stats/timeline?bucket=1h",
        "/api/v1/fields/host/values", "/api/v1/sources", "/api/v1/status"}) {
    http::Request r = request("GET", target);
    Match match = router.match("GET", r.path);
    ASSERT_NE(match.route, nullptr);
    r.path_values = match.path_values;
    http::Response response = match.route->handler(r);
    EXPECT_GE(response.status, 500) << target;
    EXPECT_EQ(response.body.find("missing.db"), std::string::npos) << response.body;
  }
}

}  // namespace
}  // namespace blockwatch
