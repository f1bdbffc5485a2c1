// Every filter and common pair is found through an index, the hourly tables or the order of time;
// nothing is sorted by SQLite and no table of rows is read from end to end.

#include <gtest/gtest.h>

#include <array>

#include "tests/storage/random_events.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

struct Case {
  const char* name;
  const char* way;  // part of a step of the plan
  Filter filter;
};

template <class Set>
Case make(const char* name, const char* way, Set set) {
  Case c{name, way, {}};
  set(c.filter);
  return c;
}

constexpr const char* kByTime = "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
constexpr const char* kByShape = "SEARCH hour_shape USING PRIMARY KEY (shape=? AND hour<?)";
constexpr const char* kByValue =
    "SEARCH hour_value USING PRIMARY KEY (field=? AND value=? AND hour<?)";

std::vector<Case> cases() {
  const IpRange one{IpAddress::v4(0x0a000201U), IpAddress::v4(0x0a000201U)};
  const IpRange block{IpAddress::v4(0x0a000000U), IpAddress::v4(0x0affffffU)};
  auto later = [](Filter& f) { f.since = Timestamp{kSampleTime.ticks + 10}; };
  return {
      make("nothing", kByTime, [](Filter&) {}),
      make("since", kByTime, later),
      make("direction", kByShape, [](Filter& f) { f.direction.any = {Direction::kInbound}; }),
      make("action", kByShape, [](Filter& f) { f.action.any = {Action::kDrop}; }),
      make("scope", kByShape, [](Filter& f) { f.scope.any = {Scope::kListen}; }),
      make("reason", kByShape, [](Filter& f) { f.reason.any = {Reason::kRule}; }),
      make("protocol", kByShape,
           [](Filter& f) {
             f.protocol.any = {{6, 6}};
           }),
      make("event_id", kByShape,
           [](Filter& f) {
             f.event_id.any = {{5157, 5157}};
           }),
      make("user", kByShape, [](Filter& f) { f.user.any = {"S-1-5-18"}; }),
      make("filter_name", kByShape, [](Filter& f) { f.filter_name.any = {"block inbound"}; }),
      make("filter_origin", kByShape, [](Filter& f) { f.filter_origin.any = {"stealth"}; }),
      make("layer", kByShape, [](Filter& f) { f.layer.any = {"connect"}; }),
      make("interface_index", kByShape,
           [](Filter& f) {
             f.interface_index.any = {{1, 1}};
           }),
      make("host", kByShape, [](Filter& f) { f.host.any = {"dc01"}; }),
      make("source", kByShape, [](Filter& f) { f.source.any = {"evtx:a"}; }),
      make("process_id", kByValue,
           [](Filter& f) {
             f.process_id.any = {{820, 820}};
           }),
      make("filter_id", kByValue,
           [](Filter& f) {
             f.filter_id.any = {{65865, 65865}};
           }),
      make("record_id", kByTime,
           [](Filter& f) {
             f.record_id.any = {{7, 7}};
           }),
      make("q", kByTime, [](Filter& f) { f.q = "10.0"; }),
      make("q in applications", "INDEX event_application", [](Filter& f) { f.q = "svchost"; }),
      make("application", "INDEX event_application (application=? AND rowid>? AND rowid<?)",
           [](Filter& f) {
             f.application.any = {{"curl", false}};
           }),
      make("application_name", "INDEX event_application",
           [](Filter& f) { f.application_name.any = {"lsass.exe"}; }),
      make("remote_port", "INDEX event_remote_port (remote_port=? AND rowid>? AND rowid<?)",
           [](Filter& f) {
             f.remote_port.any = {{443, 443}};
           }),
      make("remote_port range", "COVERING INDEX event_remote_port",
           [](Filter& f) {
             f.remote_port.any = {{8000, 8100}};
           }),
      make("local_port", "INDEX event_local_port",
           [](Filter& f) {
             f.local_port.any = {{443, 443}};
           }),
      make("port", "COVERING INDEX event_local_port (local_port=? AND rowid>? AND rowid<?)",
           [](Filter& f) {
             f.port.any = {{443, 443}};
           }),
      make("remote_address",
           "INDEX event_remote_address (remote_address=? AND rowid>? AND rowid<?)",
           [&](Filter& f) { f.remote_address.any = {one}; }),
      make("local_address", "INDEX event_local_address",
           [&](Filter& f) { f.local_address.any = {one}; }),
      make("address", "COVERING INDEX event_local_address",
           [&](Filter& f) { f.address.any = {one}; }),
      make("block of addresses and time",
           "COVERING INDEX event_remote_address (remote_address>? AND remote_address<?)",
           [&](Filter& f) {
             f.remote_address.any = {block};
             later(f);
           }),
      make("application and time",
           "INDEX event_application (application=? AND rowid>? AND rowid<?)",
           [&](Filter& f) {
             f.application_name.any = {"lsass.exe"};
             later(f);
           }),
      make("address and time", "INDEX event_remote_address",
           [&](Filter& f) {
             f.remote_address.any = {one};
             later(f);
           }),
      make("port and direction", "INDEX event_remote_port",
           [](Filter& f) {
             f.remote_port.any = {{443, 443}};
             f.direction.any = {Direction::kInbound};
           }),
  };
}

TEST(QueryPlan, EveryFilterAndCommonPairAvoidsFullScansAndSorting) {
  TempDir folder;
  auto store = value_of(Store::open({folder.path("events.db")}));
  // Few shapes, as one host has them: many would not be worth asking the hourly table for.
  std::vector<Event> events;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    Event e = sample_event(i, static_cast<std::int64_t>(i) * 10'000'000);
    e.event_id = std::array<std::uint16_t, 3>{5157, 5152, 5155}[i % 3];
    e.direction = i % 4 == 0 ? Direction::kInbound : Direction::kOutbound;
    e.user = "S-1-5-18";
    e.filter_name = "Block Inbound";
    e.filter_origin = "Stealth";
    e.layer = "connect";
    e.interface_index = 1;
    e.host = i % 2 == 0 ? "DC01" : "PC01";
    e.process_id = 820;
    e.filter_id = 65865;
    e.application = std::array{"C:\\tools\\curl", "C:\\lsass.exe", "C:\\svchost.exe"}[i % 3];
    e.local_address = IpAddress::v4(0x0a000201U);
    e.remote_address = IpAddress::v4(static_cast<std::uint32_t>(0x0a000200U + i % 200));
    e.local_port = static_cast<std::uint16_t>(i % 50 == 0 ? 443 : 50000);
    e.remote_port = static_cast<std::uint16_t>(i % 30 == 0 ? 443 : 8000 + i % 90);
    events.push_back(e);
  }
  value_of(store->append(batch_of(std::move(events))));
  auto reader = value_of(StoreReader::open(folder.path("events.db")));
  for (const Case& c : cases()) {
    PageQuery query;
    query.filter = c.filter;
    std::string plan;
    for (const std::string& step : value_of(reader->explain(query))) plan += step + "\n";
    EXPECT_NE(plan.find(c.way), std::string::npos) << c.name << "\n" << plan;
    EXPECT_EQ(plan.find("TEMP B-TREE"), std::string::npos) << c.name << "\n" << plan;
    EXPECT_EQ(plan.find("SCAN e"), std::string::npos) << c.name << "\n" << plan;
    EXPECT_EQ(plan.find("SCAN hour"), std::string::npos) << c.name << "\n" << plan;
  }
}

}  // namespace
}  // namespace blockwatch
