#include "server/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <string_view>

#include "server/param_table.h"
#include "server/param_values.h"
#include "server/query_string.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Timestamp kNow{17'500'000'000'000'000};

ParsedQuery parse(const std::string& query, Taker taker = Taker::kListEvents) {
  return parse_target(taker, "/x?" + query, kNow);
}

Filter filter_of(const std::string& query) {
  ParsedQuery parsed = parse(query);
  EXPECT_TRUE(parsed.faults.empty())
      << query << ": " << parsed.faults.front().parameter << ": " << parsed.faults.front().expected;
  return parsed.query.filter;
}

// The only fault of a query.
Fault fault_of(const std::string& query, Taker taker = Taker::kListEvents) {
  ParsedQuery parsed = parse(query, taker);
  EXPECT_EQ(parsed.faults.size(), 1U) << query;
  return parsed.faults.empty() ? Fault{} : parsed.faults.front();
}

TEST(Filters, WordsWithAnyAndNone) {
  Filter filter =
      filter_of("direction=inbound,outbound&action__not=permit&scope=packet&reason=rule");
  EXPECT_THAT(filter.direction.any, ElementsAre(Direction::kInbound, Direction::kOutbound));
  EXPECT_THAT(filter.action.none, ElementsAre(Action::kPermit));
  EXPECT_THAT(filter.scope.any, ElementsAre(Scope::kPacket));
  EXPECT_THAT(filter.reason.any, ElementsAre(Reason::kRule));
}

TEST(Filters, RepetitionIsTheSameAsACommaList) {
  EXPECT_EQ(filter_of("remote_port=443&remote_port=8000-8100"),
            filter_of("remote_port=443,8000-8100"));
  EXPECT_EQ(filter_of("remote_port=443%2C8000-8100"), filter_of("remote_port=443,8000-8100"));
}

TEST(Filters, NumbersAndRanges) {
  Filter filter = filter_of(
      "port=0,65535&local_port=1-2&process_id=4&filter_id=18446744073709551615&interface_index="
      "4294967295&record_id=1-5&event_id=5031,5150-5159");
  EXPECT_THAT(filter.port.any, ElementsAre(NumberRange{0, 0}, NumberRange{65535, 65535}));
  EXPECT_THAT(filter.local_port.any, ElementsAre(NumberRange{1, 2}));
  EXPECT_THAT(filter.filter_id.any,
              ElementsAre(NumberRange{18446744073709551615U, 18446744073709551615U}));
  EXPECT_THAT(filter.event_id.any, ElementsAre(NumberRange{5031, 5031}, NumberRange{5150, 5159}));
}

TEST(Filters, ProtocolByNameOrNumber) {
  Filter filter = filter_of("protocol=tcp,UDP,1,50-51&protocol__not=ipv6-icmp");
  EXPECT_THAT(filter.protocol.any, ElementsAre(NumberRange{6, 6}, NumberRange{17, 17},
                                               NumberRange{1, 1}, NumberRange{50, 51}));
  EXPECT_THAT(filter.protocol.none, ElementsAre(NumberRange{58, 58}));
}

TEST(Filters, AddressesBlocksAndRanges) {
  Filter filter = filter_of(
      "address=10.0.0.0/8,192.0.2.1-192.0.2.9&remote_address=2001:db8::/32&local_address__not=::1");
  ASSERT_EQ(filter.address.any.size(), 2U);
  EXPECT_EQ(filter.address.any[0], *parse_ip_range("10.0.0.0-10.255.255.255"));
  EXPECT_EQ(filter.address.any[1], *parse_ip_range("192.0.2.1-192.0.2.9"));
  EXPECT_EQ(filter.remote_address.any[0], *parse_ip_range("2001:db8::/32"));
  EXPECT_EQ(filter.local_address.none[0], *parse_ip_range("::1"));
}

TEST(Filters, ApplicationIsAFileNameOrAGlob) {
  Filter filter = filter_of(R"(application=chrome.exe,*\chrome.exe,C:/x,sv*)");
  EXPECT_THAT(filter.application.any,
              ElementsAre(ApplicationPattern{"chrome.exe", false},
                          ApplicationPattern{R"(*\chrome.exe)", true},
                          ApplicationPattern{"C:/x", true}, ApplicationPattern{"sv*", true}));
}

TEST(Filters, TextInQuotesMayHoldCommas) {
  Filter filter = filter_of(R"(filter_name="Core%20Networking,%20DNS",plain,"say%20""no""")");
  EXPECT_THAT(filter.filter_name.any, ElementsAre("Core Networking, DNS", "plain", R"(say "no")"));
  EXPECT_THAT(fault_of(R"(filter_name="open)").expected, HasSubstr("quote"));
  EXPECT_THAT(fault_of(R"(filter_name="a"b)").expected, HasSubstr("quote"));
}

TEST(Filters, SearchTextKeepsItsCommas) { EXPECT_EQ(filter_of("q=a,b+c").q, "a,b c"); }

TEST(Filters, MomentsInEveryForm) {
  EXPECT_EQ(filter_of("since=15m").since->ticks, kNow.ticks - 9'000'000'000);
  EXPECT_EQ(filter_of("since=30s").since->ticks, kNow.ticks - 300'000'000);
  EXPECT_EQ(filter_of("since=2h").since->ticks, kNow.ticks - 72'000'000'000);
  EXPECT_EQ(filter_of("until=7d").until->ticks, kNow.ticks - 6'048'000'000'000);
  EXPECT_EQ(filter_of("since=1700000000").since->ticks, 17'000'000'000'000'000);
  EXPECT_EQ(filter_of("since=1700000000.5").since->ticks, 17'000'000'005'000'000);
  EXPECT_EQ(filter_of("since=1700000000.123456789").since->ticks, 17'000'000'001'234'567);
  EXPECT_EQ(filter_of("since=2023-11-14T22:13:20Z").since->ticks, 17'000'000'000'000'000);
  EXPECT_EQ(filter_of("since=2023-11-15T00:13:20%2B02:00").since->ticks, 17'000'000'000'000'000);
  // The plus sign of an offset that nobody encoded.
  EXPECT_EQ(filter_of("since=2023-11-15T00:13:20+02:00").since->ticks, 17'000'000'000'000'000);
  // Outside of what events can have: the same question as at the edge.
  EXPECT_EQ(filter_of("until=2100-01-01T00:00:00Z").until, kMaxTimestamp);
  EXPECT_EQ(filter_of("until=9996-02-29T00:00:00Z").until, kMaxTimestamp);
  EXPECT_EQ(filter_of("since=1601-01-01T00:00:00Z").since, kMinTimestamp);
  EXPECT_EQ(filter_of("since=999999d").since, kMinTimestamp);
}

TEST(Filters, OnlyDurationsAreRememberedAsAsked) {
  ParsedQuery parsed = parse("since=15m&until=1800000000");
  EXPECT_EQ(parsed.query.asked.since_back, 9'000'000'000);
  EXPECT_EQ(parsed.query.asked.until_back, std::nullopt);
}

// Literals, as a long list of std::string takes clang minutes with AddressSanitizer.
struct BadValue {
  std::string_view query;
  std::string_view expected;  // part of the fault's text
};

void expect_faults(std::span<const BadValue> cases) {
  for (const BadValue& c : cases) {
    EXPECT_THAT(fault_of(std::string(c.query)).expected, HasSubstr(std::string(c.expected)))
        << c.query;
  }
}

TEST(Faults, EachMalformedValueIsNamedWithWhatWasExpected) {
  static constexpr BadValue kCases[] = {
      {"direction=inbond", "did you mean \"inbound\"?"},
      {"direction=Inbound", "did you mean \"inbound\"?"},
      {"action=deny", "block, drop or permit"},
      {"scope=conection", "did you mean \"connection\"?"},
      {"reason=default_inbound", "did you mean \"default-inbound\"?"},
      {"protocol=256", "0 to 255"},
      {"protocol=foo", "tcp"},
      {"event_id=4624", "5031"},
      {"event_id=x", "5031"},
      {"port=65536", "0 to 65535"},
      {"port=-1", "0 to 65535"},
      {"port=+1", "0 to 65535"},
      {"port=9-8", "ranges"},
      {"port=1-", "ranges"},
      {"port=1-2-3", "ranges"},
      {"remote_port=0x50", "numbers"},
      {"remote_port=443,%20444", "numbers"},
      {"local_port=", "not an empty value"},
      {"local_port=1,,2", "not an empty value"},
      {"local_port=1,", "not an empty value"},
      {"address=1.2.3", "CIDR"},
      {"address=10.0.0.0/33", "CIDR"},
      {"local_address=10.0.0.9-10.0.0.1", "CIDR"},
      {"remote_address=host.example", "CIDR"},
      {"application=", "not an empty value"},
      {"process_id=18446744073709551616", "whole numbers"},
      {"interface_index=4294967296", "whole numbers"},
      {"since=yesterday", "RFC 3339"},
      {"since=2023-11-14T22:13:20", "RFC 3339"},
      {"since=1h30m", "RFC 3339"},
      {"since=-5", "RFC 3339"},
      {"since=9997-02-29T00:00:00Z", "RFC 3339"},
      {"since=1.", "RFC 3339"},
      {"until=5w", "RFC 3339"},
      {"q=", "not an empty value"},
      {"limit=0", "1 to 1000"},
      {"limit=1001", "1 to 1000"},
      {"limit=ten", "1 to 1000"},
      {"order=up", "asc or desc"},
      {"next=abc", "unchanged"},
      {"count=yes", "exact"},
      {"fields=nope", "names of fields"},
      {"fields=remote_prot", "did you mean \"remote_port\"?"},
      {"fields=raw", "include=raw"},
      {"fields=seq,seq", "each once"},
      {"include=all", "raw"},
      {"after=-1", "seq"},
      {"after=9007199254740992", "seq"},
      {"wait=20s", "after"},
      {"after=1&wait=61s", "60s"},
      {"after=1&wait=1m", "60s"},
      {"after=1&order=asc", "after"},
      {"after=1&count=exact", "after"},
      {"format=xml", "ndjson"},
      {"format=csv&count=exact", "json"},
      {"format=ndjson&after=1", "json"},
      {"host=%", "'%'"},
      {"host=%4", "'%'"},
      {"host=%zz", "'%'"},
      {"host=%FF", "UTF-8"},
      {"host=%C0%80", "UTF-8"},
      {"host=a%00b", "NUL"},
      {"%FF=1", "UTF-8"},
      {"limit=1&limit=2", "once"},
      {"since=1h&since=2h", "once"},
      {"since=10&until=9", "until"},
  };
  expect_faults(kCases);
  EXPECT_THAT(fault_of("host=" + std::string(1025, 'a')).expected, HasSubstr("1024"));
  EXPECT_THAT(fault_of("q=" + std::string(257, 'a')).expected, HasSubstr("256"));
}

TEST(Faults, UnknownNamesGetASuggestion) {
  static constexpr BadValue kCases[] = {
      {"direciton=inbound", "\"direction\""},
      {"remote_addr=1.2.3.4", "\"remote_address\""},
      {"remote_port_not=1", "\"remote_port__not\""},
      {"Limit=1", "\"limit\""},
      {"app=x", "\"application\""},
      {"limit__not=1", "parameter"},
      {"zzzzzz=1", "/docs"},
      {"bucket=1h", "belongs to others"},
      {"remote-port=1", "\"remote_port\""},
  };
  expect_faults(kCases);
}

TEST(Faults, AllComeBackAtOnce) {
  ParsedQuery parsed = parse("direciton=inbound&remote_port=70000,443,x&limit=0&host=%");
  std::vector<std::string> names;
  for (const Fault& fault : parsed.faults) names.push_back(fault.parameter);
  EXPECT_THAT(names, testing::UnorderedElementsAre("direciton", "remote_port", "remote_port",
                                                   "limit", "host"));
  Problem problem = parameter_problem(parsed);
  EXPECT_EQ(problem.status, 400);
  EXPECT_EQ(problem.code, "unknown_parameter");
  EXPECT_EQ(parameter_problem(parse("limit=0")).code, "invalid_parameter");
  EXPECT_EQ(problem.errors.size(), 5U);
}

TEST(Faults, ValuesAreQuotedShortenedAndAsUtf8) {
  Fault fault = fault_of("port=" + std::string(500, 'x'));
  EXPECT_LE(fault.value.size(), 110U);
  EXPECT_EQ(fault_of("port=%E2%82%AC").value, "\u20AC");
}

TEST(Faults, CountsAreBounded) {
  std::string list = "port=1";
  for (int i = 0; i < 1000; ++i) list += ",1";
  EXPECT_THAT(fault_of(list).expected, HasSubstr("1000 values"));
  std::string many;
  for (int i = 0; i < 250; ++i) many += "host=a&";
  EXPECT_THAT(fault_of(many).expected, HasSubstr("200"));
  std::string wrong = "port=x";
  for (int i = 0; i < 900; ++i) wrong += ",x";
  EXPECT_EQ(parse(wrong).faults.size(), kMaxFaults);
}

TEST(Faults, ARouteTakesOnlyItsOwn) {
  EXPECT_THAT(fault_of("direction=inbound", Taker::kNone).expected, HasSubstr("no parameter"));
  EXPECT_THAT(fault_of("limit=5", Taker::kStreamEvents).expected, HasSubstr("belongs to others"));
  EXPECT_THAT(fault_of("", Taker::kTop).parameter, "by");
  EXPECT_THAT(fault_of("", Taker::kTimeline).parameter, "bucket");
  EXPECT_THAT(fault_of("by=remote_port&bucket=1h", Taker::kTimeline).expected,
              HasSubstr("action, direction or event_id"));
  EXPECT_THAT(fault_of("by=remote_prot", Taker::kTop).expected, HasSubstr("\"remote_port\""));
  for (const char* bucket : {"59s", "2d", "25h", "0m", "1441m", "1", "h", "90s"}) {
    fault_of("bucket=" + std::string(bucket), Taker::kTimeline);
  }
  for (const char* name : {"a/b", "a\\b", "a:b", "a%0Ab", ""}) {
    fault_of("name=" + std::string(name), Taker::kImport);
  }
}

TEST(Parameters, TheirDefaultsAndValues) {
  ApiQuery defaults = parse("").query;
  EXPECT_EQ(defaults.order, Order::kNewestFirst);
  EXPECT_EQ(defaults.limit, std::nullopt);
  EXPECT_EQ(defaults.fields, default_event_fields());
  EXPECT_EQ(defaults.format, Format::kJson);
  EXPECT_EQ(defaults.filter, Filter{});

  ApiQuery given = parse("order=asc&limit=1000&count=exact&fields=seq,time&include=raw").query;
  EXPECT_EQ(given.order, Order::kOldestFirst);
  EXPECT_EQ(given.limit, 1000U);
  EXPECT_TRUE(given.count);
  EXPECT_THAT(given.fields, ElementsAre(EventField::kSeq, EventField::kTime, EventField::kRaw));

  ApiQuery poll = parse("after=9007199254740991&wait=60s").query;
  EXPECT_EQ(poll.after, kMaxSeq);
  EXPECT_EQ(poll.wait, std::chrono::seconds(60));

  EXPECT_EQ(parse("bucket=90m", Taker::kTimeline).query.bucket_ticks, 54'000'000'000);
  EXPECT_EQ(parse("bucket=1d", Taker::kTimeline).query.bucket, "1d");
  EXPECT_EQ(parse("by=process_id", Taker::kTop).query.top_by, TopField::kProcessId);
  EXPECT_EQ(parse("bucket=1h&by=event_id", Taker::kTimeline).query.timeline_by,
            TimelineBy::kEventId);
}

TEST(Parameters, FormatWinsOverAccept) {
  auto format = [](const char* query, std::optional<Format> accepted) {
    return parse_target(Taker::kListEvents, query, kNow, accepted).query.format;
  };
  EXPECT_EQ(format("/x", Format::kCsv), Format::kCsv);
  EXPECT_EQ(format("/x?format=ndjson", Format::kCsv), Format::kNdjson);
  EXPECT_EQ(format("/x?format=json", std::nullopt), Format::kJson);
  EXPECT_EQ(format("/x", std::nullopt), std::nullopt);
}

TEST(Parameters, TheCommandLineTakesTheSameFilters) {
  ParsedQuery parsed = parse_parameters(
      Taker::kQueryCommand,
      {{"direction", "inbound"}, {"remote_port", "443,80"}, {"limit", "5000"}}, kNow);
  EXPECT_TRUE(parsed.faults.empty());
  EXPECT_EQ(parsed.query.filter, filter_of("direction=inbound&remote_port=443,80"));
  EXPECT_EQ(parsed.query.limit, 5000U);
  EXPECT_EQ(parse_parameters(Taker::kQueryCommand, {{"host", "\xFF"}}, kNow).faults.size(), 1U);
}

TEST(Parameters, EveryFilterOfTheContractIsThereWithItsTwin) {
  const std::vector<std::string_view> filters{
      "direction",        "action",        "scope",          "protocol",
      "event_id",         "port",          "local_port",     "remote_port",
      "address",          "local_address", "remote_address", "application",
      "application_name", "process_id",    "user",           "filter_id",
      "filter_name",      "filter_origin", "layer",          "interface_index",
      "reason",           "host",          "source",         "record_id"};
  for (Taker taker : {Taker::kListEvents, Taker::kStreamEvents, Taker::kTop, Taker::kTimeline,
                      Taker::kQueryCommand}) {
    std::vector<std::string_view> names;
    for (const ParameterInfo& info : parameters_of(taker)) {
      if (info.filter) names.push_back(info.name);
    }
    EXPECT_EQ(names, filters);
  }
}

TEST(QueryString, DecodesNamesAndValues) {
  QueryString query = parse_query_string("/p?a=1&&b=%C3%A4+x&c&d=e=f#fragment?g=1");
  EXPECT_TRUE(query.faults.empty());
  EXPECT_THAT(query.parameters, ElementsAre(testing::Pair("a", "1"), testing::Pair("b", "\u00E4 x"),
                                            testing::Pair("c", ""), testing::Pair("d", "e=f")));
  EXPECT_TRUE(parse_query_string("/p").parameters.empty());
  EXPECT_TRUE(parse_query_string("/p?").parameters.empty());
}

TEST(QueryString, EncodesBack) {
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  all += "\u20AC";
  std::string encoded = "/p?a=";
  append_percent_encoded(encoded, all);
  QueryString query = parse_query_string(encoded);
  ASSERT_EQ(query.parameters.size(), 1U);
  EXPECT_EQ(query.parameters.front().second, all);
}

TEST(Tokens, BelongToTheirQuestion) {
  auto token_of = [](const std::string& query) {
    ApiQuery q = parse(query).query;
    PageToken token;
    token.cursor = {Timestamp{1000}, 9, 10};
    token.fingerprint = fingerprint(q.filter, q.asked, q.order);
    if (q.asked.since_back) token.since = q.filter.since;
    return encode_page_token(token);
  };
  const std::string token = token_of("direction=inbound&since=15m");
  EXPECT_TRUE(parse("since=15m&direction=inbound&limit=7&next=" + token).faults.empty());
  for (const char* other :
       {"direction=outbound&since=15m", "direction=inbound&since=16m", "direction=inbound",
        "direction=inbound&since=15m&order=asc", "direction=inbound&since=15m&q=x"}) {
    Fault fault = fault_of(std::string(other) + "&next=" + token);
    EXPECT_EQ(fault.parameter, "next");
    EXPECT_THAT(fault.expected, HasSubstr("same filters"));
  }
}

TEST(Tokens, KeepTheMomentOfTheFirstPage) {
  ApiQuery first = parse("since=15m&until=5m").query;
  PageToken token;
  token.cursor = {Timestamp{1000}, 9, 10};
  token.fingerprint = fingerprint(first.filter, first.asked, first.order);
  token.since = first.filter.since;
  token.until = first.filter.until;
  ParsedQuery later =
      parse_target(Taker::kListEvents, "/x?since=15m&until=5m&next=" + encode_page_token(token),
                   Timestamp{kNow.ticks + 600'000'000});
  ASSERT_TRUE(later.faults.empty());
  EXPECT_EQ(later.query.filter.since, first.filter.since);
  EXPECT_EQ(later.query.filter.until, first.filter.until);
}

TEST(Nearest, FindsSlipsOfTheHandOnly) {
  const std::vector<std::string_view> words{"inbound", "outbound", "forward"};
  EXPECT_EQ(nearest("inbuond", words), "inbound");
  EXPECT_EQ(nearest("INBOUND", words), "inbound");
  EXPECT_EQ(nearest("fwd", words), "");
  EXPECT_EQ(nearest("out", words), "outbound");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(5000, 'a'), words), "");
}

}  // namespace
}  // namespace blockwatch
