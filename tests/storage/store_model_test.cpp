// The store against a plain list of events and the plain-C++ meaning of a filter.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "storage/event_store.h"
#include "storage/words.h"
#include "tests/storage/random_events.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

constexpr std::uint64_t kSeed = 20261121;
constexpr std::size_t kBatches = 12;
constexpr std::size_t kBatchEvents = 150;

// By the rows of the smallest run: with few, events lie in many runs that are merged often.
class StoreModel : public testing::TestWithParam<std::uint32_t> {
 protected:
  StoreModel() {
    model_.events.reserve(20'000);  // expected() points into it
    store_ = value_of(Store::open({folder_.path("events.db"), true, GetParam()}));
    for (std::size_t i = 0; i < kBatches; ++i) append();
    reader_ = value_of(StoreReader::open(folder_.path("events.db")));
  }

  void append() {
    EventBatch batch;
    batch.source = random_.one_in(2) ? "evtx:a" : "evtx:b";
    for (std::size_t i = 0; i < kBatchEvents; ++i) random_.add(batch.list, batch.source);
    auto result = value_of(store_->append(batch));
    ASSERT_EQ(result.stored, kBatchEvents);
    for (const Event& event : batch.list.events) {
      add_copy(model_, event);
      model_.events.back().seq = model_.events.size();
    }
  }

  std::vector<const Event*> expected(const Filter& filter, Order order, std::uint64_t snapshot) {
    std::vector<const Event*> events;
    for (const Event& event : model_.events) {
      if (event.seq > deleted_ && event.seq <= snapshot && matches(filter, event))
        events.push_back(&event);
    }
    std::sort(events.begin(), events.end(), [&](const Event* x, const Event* y) {
      auto key = [](const Event* e) { return std::pair(e->time.ticks, e->seq); };
      return order == Order::kOldestFirst ? key(x) < key(y) : key(y) < key(x);
    });
    return events;
  }

  // Walks all pages; `between` is called after each.
  void expect_pages(const Filter& filter, Order order, std::uint32_t limit,
                    const std::function<void()>& between) {
    auto want = expected(filter, order, model_.events.size());
    PageQuery query{filter, order, limit, {}, true, true};
    std::size_t at = 0;
    for (std::size_t pages = 0;; ++pages) {
      Page page = value_of(reader_->page(query));
      if (pages == 0) {
        ASSERT_EQ(page.total, want.size());
      }
      query.count = false;
      for (const Event& event : page.list.events) {
        ASSERT_LT(at, want.size());
        ASSERT_EQ(event.seq, want[at]->seq) << "at " << at;
        ASSERT_EQ(describe(event), describe(*want[at]));
        ++at;
      }
      if (!page.next) break;
      ASSERT_EQ(page.list.events.size(), limit);
      query.cursor = page.next;
      between();
    }
    ASSERT_EQ(at, want.size());
  }

  const std::uint64_t seed_ = kSeed + GetParam();  // other questions for each
  RandomEvents random_{seed_};
  std::uint64_t deleted_ = 0;  // seqs up to here
  TempDir folder_;
  EventList model_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreReader> reader_;
};

TEST_P(StoreModel, PagesHoldExactlyTheMatchingEventsInOrder) {
  for (int round = 0; round < 90; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + " round " + std::to_string(round));
    Filter filter = random_.filter();
    auto order = random_.one_in(2) ? Order::kNewestFirst : Order::kOldestFirst;
    auto limit = static_cast<std::uint32_t>(random_.one_in(3) ? 1000 : 20 + random_.below(90));
    expect_pages(filter, order, limit, [] {});
    if (HasFatalFailure()) return;
  }
}

TEST_P(StoreModel, PagesNeverShiftWhileEventsArriveLate) {
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + " round " + std::to_string(round));
    Filter filter = random_.one_in(3) ? random_.filter() : Filter{};
    auto order = random_.one_in(2) ? Order::kNewestFirst : Order::kOldestFirst;
    expect_pages(filter, order, 200, [&] {
      if (random_.one_in(4)) append();
    });
    if (HasFatalFailure()) return;
  }
}

TEST_P(StoreModel, WhatRetentionDeletedIsInNoAnswer) {
  for (int round = 0; round < 48; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + " round " + std::to_string(round));
    if (round % 6 == 0) {
      deleted_ += value_of(store_->delete_oldest(random_.below(160), kMaxTimestamp));
      append();
    }
    Filter filter = random_.filter();
    auto order = random_.one_in(2) ? Order::kNewestFirst : Order::kOldestFirst;
    expect_pages(filter, order, 200, [] {});
    if (HasFatalFailure()) return;
    std::size_t want = expected(filter, order, model_.events.size()).size();
    ASSERT_EQ(value_of(reader_->top({filter, TopField::kRemotePort, 5})).total, want);
    std::uint64_t in_buckets = 0;
    constexpr std::int64_t kHour = 3600 * Timestamp::kTicksPerSecond;
    for (const auto& point : value_of(reader_->timeline({filter, kHour, TimelineBy::kNothing}))) {
      in_buckets += point.counts.at(0).count;
    }
    ASSERT_EQ(in_buckets, want);
  }
  auto left = model_.events.size() - deleted_;
  ASSERT_EQ(value_of(reader_->status()).rows, left);
}

TEST_P(StoreModel, TailsGiveEveryMatchOnceInSeqOrder) {
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + " round " + std::to_string(round));
    Filter filter = random_.filter();
    std::vector<std::uint64_t> want;
    for (const Event& event : model_.events) {
      if (matches(filter, event)) want.push_back(event.seq);
    }
    std::vector<std::uint64_t> got;
    TailQuery query{filter, 0, static_cast<std::uint32_t>(1 + random_.below(300)), true};
    while (query.after < model_.events.size()) {
      Tail tail = value_of(reader_->tail(query));
      ASSERT_GT(tail.covered_seq, query.after);
      ASSERT_EQ(tail.gap_through, 0U);
      for (const Event& event : tail.list.events) {
        ASSERT_EQ(describe(event), describe(model_.events[event.seq - 1]));
        got.push_back(event.seq);
      }
      query.after = tail.covered_seq;
    }
    ASSERT_EQ(got, want);
  }
}

std::optional<std::string> text(std::string_view value) {
  if (value.empty()) return std::nullopt;
  return std::string(value);
}

template <class T>
std::optional<std::string> number(const std::optional<T>& value) {
  if (!value) return std::nullopt;
  return std::to_string(*value);
}

std::optional<std::string> value_of(TopField field, const Event& e) {
  switch (field) {
    case TopField::kApplication:
      return text(e.application);
    case TopField::kApplicationName:
      return text(application_name(e.application));
    case TopField::kRemoteAddress:
      return e.remote_address ? text(format_ip_address(*e.remote_address)) : std::nullopt;
    case TopField::kRemotePort:
      return number(e.remote_port);
    case TopField::kLocalPort:
      return number(e.local_port);
    case TopField::kDirection:
      return e.direction ? text(to_word(*e.direction)) : std::nullopt;
    case TopField::kProtocol:
      return number(e.protocol);
    case TopField::kEventId:
      return std::to_string(e.event_id);
    case TopField::kFilterName:
      return text(e.filter_name);
    case TopField::kReason:
      return text(to_word(e.reason));
    case TopField::kHost:
      return text(e.host);
    case TopField::kProcessId:
      return number(e.process_id);
  }
  return {};
}

TEST_P(StoreModel, TopCountsEveryField) {
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + " round " + std::to_string(round));
    TopQuery query;
    query.filter = random_.filter();
    query.by = static_cast<TopField>(random_.below(12));
    query.limit = static_cast<std::uint32_t>(1 + random_.below(40));
    std::map<std::optional<std::string>, std::uint64_t> counts;
    std::uint64_t total = 0;
    for (const Event& event : model_.events) {
      if (!matches(query.filter, event)) continue;
      ++counts[value_of(query.by, event)];
      ++total;
    }
    std::vector<std::pair<std::optional<std::string>, std::uint64_t>> want(counts.begin(),
                                                                           counts.end());
    std::stable_sort(want.begin(), want.end(),
                     [](const auto& x, const auto& y) { return x.second > y.second; });
    if (want.size() > query.limit) want.resize(query.limit);
    // Few at once: counted in parts.
    reader_->set_most_values(random_.one_in(2) ? 16 + random_.below(16) : StoreReader::kMostValues);
    Top top = value_of(reader_->top(query));
    ASSERT_EQ(top.total, total);
    std::vector<std::pair<std::optional<std::string>, std::uint64_t>> got;
    for (const auto& value : top.values) got.emplace_back(value.value, value.count);
    ASSERT_EQ(got, want) << "by " << static_cast<int>(query.by);
  }
}

TEST_P(StoreModel, QuestionsAskedAgainCountWhatIsNewAndForgetWhatIsGone) {
  auto memo = make_answer_memo();
  auto first = value_of(StoreReader::open(folder_.path("events.db"), memo));
  auto second = value_of(StoreReader::open(folder_.path("events.db"), memo));
  constexpr std::int64_t kMinute = 60 * Timestamp::kTicksPerSecond;
  std::vector<Filter> filters(1);
  for (int i = 0; i < 12; ++i) filters.push_back(random_.filter());
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + " round " + std::to_string(round));
    if (random_.one_in(2)) append();
    if (random_.one_in(8)) {
      deleted_ += value_of(store_->delete_oldest(random_.below(160), kMaxTimestamp));
    }
    StoreReader& reader = random_.one_in(2) ? *first : *second;
    for (const Filter& filter : filters) {
      std::map<std::optional<std::string>, std::uint64_t> ports;
      std::map<std::int64_t, std::uint64_t> minutes;
      for (const Event* e : expected(filter, Order::kOldestFirst, model_.events.size())) {
        ++ports[value_of(TopField::kRemotePort, *e)];
        ++minutes[e->time.ticks / kMinute];
      }
      Top top = value_of(reader.top({filter, TopField::kRemotePort, 1000}));
      ASSERT_EQ(top.values.size(), std::min<std::size_t>(ports.size(), 1000));
      for (const auto& value : top.values) ASSERT_EQ(value.count, ports[value.value]);
      std::map<std::int64_t, std::uint64_t> got;
      for (const auto& p : value_of(reader.timeline({filter, kMinute, TimelineBy::kNothing}))) {
        got[p.start.ticks / kMinute] = p.counts.at(0).count;
      }
      ASSERT_EQ(got, minutes);
    }
  }
}

TEST_P(StoreModel, TimelineCountsEveryBucket) {
  constexpr std::int64_t kMinute = 60 * Timestamp::kTicksPerSecond;
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + " round " + std::to_string(round));
    TimelineQuery query;
    query.filter = random_.filter();
    query.by = static_cast<TimelineBy>(random_.below(4));
    query.bucket_ticks =
        std::array{kMinute, 7 * kMinute, 60 * kMinute, 1440 * kMinute}[random_.below(4)];
    std::map<std::int64_t, std::map<std::optional<std::string>, std::uint64_t>> want;
    for (const Event& e : model_.events) {
      if (!matches(query.filter, e)) continue;
      std::optional<std::string> value;
      if (query.by == TimelineBy::kAction) value = std::string(to_word(action_of(e.event_id)));
      if (query.by == TimelineBy::kDirection) value = value_of(TopField::kDirection, e);
      if (query.by == TimelineBy::kEventId) value = value_of(TopField::kEventId, e);
      ++want[e.time.ticks / query.bucket_ticks * query.bucket_ticks][value];
    }
    std::map<std::int64_t, std::map<std::optional<std::string>, std::uint64_t>> got;
    std::int64_t last = -1;
    for (const TimelinePoint& point : value_of(reader_->timeline(query))) {
      ASSERT_GT(point.start.ticks, last);
      last = point.start.ticks;
      for (const auto& count : point.counts) got[last][count.value] = count.count;
    }
    ASSERT_EQ(got, want);
  }
}

TEST_P(StoreModel, EveryEventIsFoundByItsSeqWithRaw) {
  for (const Event& event : model_.events) {
    EventList list = value_of(reader_->event(event.seq));
    ASSERT_EQ(list.events.size(), 1U);
    ASSERT_EQ(describe(list.events[0]), describe(event));
  }
  EXPECT_EQ(reader_->event(0).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(reader_->event(model_.events.size() + 1).error().code, ErrorCode::kNotFound);
}

TEST_P(StoreModel, FieldValuesAreCountedAndFilteredByPrefix) {
  std::map<std::string, std::uint64_t> want;
  for (const Event& e : model_.events) {
    if (!e.application.empty() && application_name(e.application).starts_with("c")) {
      ++want[application_name(e.application)];
    }
  }
  auto values = value_of(reader_->field_values("application_name", "C", 10));
  std::map<std::string, std::uint64_t> got;
  for (const auto& value : values) got[*value.value] = value.count;
  EXPECT_EQ(got, want);

  std::set<std::uint16_t> ports;
  for (const Event& e : model_.events) {
    for (auto port : {e.local_port, e.remote_port}) {
      if (port && std::to_string(*port).starts_with("44")) ports.insert(*port);
    }
  }
  std::set<std::uint16_t> listed;
  for (const auto& value : value_of(reader_->field_values("port", "44", 1000))) {
    listed.insert(static_cast<std::uint16_t>(std::stoi(*value.value)));
  }
  EXPECT_EQ(listed, ports);
  for (const char* field :
       {"direction",       "action",         "scope",         "protocol",      "event_id",
        "reason",          "user",           "filter_name",   "filter_origin", "layer",
        "interface_index", "host",           "source",        "application",   "process_id",
        "filter_id",       "remote_address", "local_address", "address",       "remote_port",
        "local_port"}) {
    EXPECT_FALSE(value_of(reader_->field_values(field, "", 5)).empty()) << field;
  }
  EXPECT_EQ(reader_->field_values("colour", "", 5).error().code, ErrorCode::kNotFound);
}

TEST_P(StoreModel, FieldValuesBeginWithTheSmallest) {
  std::map<IpAddress, std::uint64_t> addresses;
  std::map<std::uint64_t, std::uint64_t> processes;
  for (const Event& e : model_.events) {
    if (e.remote_address) ++addresses[*e.remote_address];
    if (e.process_id) ++processes[*e.process_id];
  }
  std::vector<std::pair<std::string, std::uint64_t>> remote_address, process_id;
  for (const auto& [value, n] : addresses) remote_address.emplace_back(format_ip_address(value), n);
  for (const auto& [value, n] : processes) process_id.emplace_back(std::to_string(value), n);
  for (int round = 0; round < 40; ++round) {
    const bool by_address = random_.one_in(2);
    const auto& all = by_address ? remote_address : process_id;
    const std::string prefix = all[random_.below(all.size())].first.substr(0, random_.below(4));
    const auto limit = static_cast<std::uint32_t>(1 + random_.below(12));
    SCOPED_TRACE("seed " + std::to_string(seed_) + " prefix " + prefix);
    std::vector<std::pair<std::string, std::uint64_t>> want, got;
    for (const auto& value : all) {
      if (want.size() < limit && value.first.starts_with(prefix)) want.push_back(value);
    }
    for (const auto& value : value_of(
             reader_->field_values(by_address ? "remote_address" : "process_id", prefix, limit))) {
      got.emplace_back(value.value.value(), value.count);
    }
    ASSERT_EQ(got, want);
  }
}

INSTANTIATE_TEST_SUITE_P(RunRows, StoreModel, testing::Values(1U, 7U, 100U, 1024U));

}  // namespace
}  // namespace blockwatch
