#include "monitor/netfilter/nflog_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/netfilter/nflog_position.h"
#include "monitor/winlog/explain.h"
#include "monitor/winlog/note.h"
#include "tests/netfilter/fake_nflog.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Runs the source on a false netfilter in the test's own thread. A step is done whenever nothing
// waits; after the last one it is stopped.
class NflogSourceTest : public testing::Test {
 protected:
  using Steps = std::vector<std::function<void()>>;

  Result<void> run(Steps steps) {
    std::stop_source stop;
    auto next = steps.begin();
    nflog_.idle = [&] {
      if (next == steps.end()) {
        stop.request_stop();
      } else {
        (*next++)();
      }
    };
    const auto source = make_nflog_source(nflog_.api(), options_);
    EXPECT_EQ(source->name(), "nflog:8470");
    return source->run([this](const std::string&) -> Result<std::string> { return position_; },
                       [this](EventBatch&& batch) {
                         for (const Event& e : batch.list.events) {
                           events_.events.push_back(copy_event(e, events_.text));
                         }
                         facts_.insert(facts_.end(), batch.facts.begin(), batch.facts.end());
                         lost_ += batch.lost;
                         damaged_ += batch.damaged;
                         position_ = batch.position;
                         return true;
                       },
                       report_, stop.get_token());
  }

  std::function<void()> logged(const LoggedPacket& packet, int times = 1) {
    return [this, packet, times] {
      for (int i = 0; i < times; ++i) nflog_.log(packet);
    };
  }
  std::vector<int> event_ids() const {
    std::vector<int> ids;
    for (const Event& e : events_.events) ids.push_back(e.event_id);
    return ids;
  }
  std::vector<CoverageFact> told(CoverageKind kind) const {
    std::vector<CoverageFact> all;
    for (const auto& f : facts_) {
      if (f.kind == kind && !f.ends_open) all.push_back(f);
    }
    return all;
  }
  void audit(bool blocks, bool drops, bool permits = false) {
    options_.policy = [=]() -> Result<AuditPolicy> {
      AuditPolicy policy;
      policy.at(kAuditConnection) = AuditFlags{.success = permits, .failure = blocks};
      policy.at(kAuditPacketDrop) = AuditFlags{.failure = drops};
      return policy;
    };
  }
  void use_rule(std::uint32_t verdict, bool has_condition) {
    nflog_.set_rules({chain_message(netfilter::kInet, "t", "in", netfilter::kLocalIn),
                      rule_message(netfilter::kInet, "t", "in", 42, [&](netlink::Writer& writer) {
                        if (has_condition) put_expression(writer, "cmp");
                        put_log(writer, 8470, "drop");
                        put_verdict(writer, verdict);
                      })});
  }

  FakeNflog nflog_;
  NflogOptions options_;
  EventList events_;
  std::vector<CoverageFact> facts_;
  std::uint64_t lost_ = 0;
  std::uint64_t damaged_ = 0;
  std::string position_;
  SourceReport report_;
};

const std::string kSyn = ipv4_packet(6, tcp_header(40'000, 443, 2));
const std::string kAck = ipv4_packet(6, tcp_header(40'000, 443, 16));

TEST_F(NflogSourceTest, ABlockedConnectionHasItsFields) {
  use_rule(0, true);
  nflog_.owner = {.state = SocketOwner::State::kFound, .process_id = 321, .executable = "/bin/nc"};
  ASSERT_TRUE(run({logged({.seconds = 1'700'000'000, .payload = kSyn})}));
  ASSERT_EQ(event_ids(), std::vector<int>{5157});
  const Event& e = events_.events[0];
  EXPECT_EQ(e.time, Timestamp{17'000'000'000'000'050});
  EXPECT_EQ(e.source, "nflog:8470");
  EXPECT_EQ(e.host, "box");
  EXPECT_EQ(e.direction, Direction::kInbound);
  EXPECT_EQ(format_ip_address(*e.local_address), "10.77.0.2");
  EXPECT_EQ(e.local_port, 443);
  EXPECT_EQ(format_ip_address(*e.remote_address), "10.77.0.1");
  EXPECT_EQ(e.remote_port, 40'000);
  EXPECT_EQ(e.process_id, 321U);
  EXPECT_EQ(e.application, "/bin/nc");
  EXPECT_EQ(e.filter_id, 42U);
  EXPECT_EQ(e.filter_name, "drop");
  EXPECT_EQ(e.filter_origin, "inet t in");
  EXPECT_EQ(e.layer, "input");
  EXPECT_EQ(e.interface_index, 2U);
  EXPECT_EQ(e.reason, Reason::kRule);
  EXPECT_EQ(winlog::note_of(e, "sequence"), "0");
  EXPECT_EQ(winlog::note_of(e, "inName"), "eth2");
  const auto explanation = winlog::explain(e);
  EXPECT_EQ(explanation.reason, e.reason);
  EXPECT_EQ(explanation.summary,
            "Netfilter blocked an inbound tcp connection from 10.77.0.1:40000 to 10.77.0.2:443 for "
            "/bin/nc (process 321). It was logged by the rule with handle 42 that logs with the "
            "prefix \"drop\" at the hook input. A firewall rule decided it: inet t in. It is the "
            "first packet of its flow; repeats are counted.");
}

TEST_F(NflogSourceTest, OutboundTakesTheReceiveTimeAndTheUser) {
  nflog_.owner.state = SocketOwner::State::kNoSocket;
  const Timestamp before = now();
  ASSERT_TRUE(run({logged({.hook = netfilter::kLocalOut, .uid = 1000, .payload = kSyn})}));
  ASSERT_EQ(events_.events.size(), 1U);
  const Event& e = events_.events[0];
  EXPECT_GE(e.time, before);
  EXPECT_EQ(e.direction, Direction::kOutbound);
  EXPECT_EQ(e.remote_port, 443);
  EXPECT_EQ(e.user, "1000");
  EXPECT_EQ(e.filter_id, std::nullopt);
  EXPECT_EQ(e.reason, Reason::kRule);
  EXPECT_EQ(winlog::note_of(e, winlog::kProcessNote), "gone");
  EXPECT_THAT(winlog::explain(e).summary, HasSubstr("gone when it was looked for"));
}

TEST_F(NflogSourceTest, RepeatsBecomeOneRowAtTheEnd) {
  ASSERT_TRUE(run({logged({.payload = kSyn}, 5), logged({.payload = kAck}, 3),
                   logged({.payload = "no ip"}, 2)}));
  EXPECT_EQ(event_ids(), (std::vector<int>{5157, 5152, 5152, 5152, 5152, 5152}));
  EXPECT_EQ(winlog::note_of(events_.events[3], winlog::kPacketsNote), "4");
  EXPECT_EQ(winlog::note_of(events_.events[4], winlog::kPacketsNote), "2");
  EXPECT_EQ(winlog::note_of(events_.events[5], winlog::kPacketsNote), "");
  EXPECT_EQ(parse_nflog_position(position_)->folded, 4U);  // ten packets in six rows
  EXPECT_EQ(report_.snapshot().counts->folded, 4U);
}

TEST_F(NflogSourceTest, HolesInTheNumbersAreLossesAndFacts) {
  ASSERT_TRUE(run({[&] { nflog_.lose(2); }, logged({.seconds = 1'700'000'000}),
                   [&] { nflog_.lose(7); }, logged({.seconds = 1'700'000'001})}));
  EXPECT_EQ(lost_, 9U);
  std::uint64_t missing = 0;
  for (const auto& fact : told(CoverageKind::kRecordsDropped)) {
    missing += fact.missing_records.value_or(0);
    EXPECT_LE(fact.start, *fact.end);
  }
  EXPECT_EQ(missing, 9U);
}

TEST_F(NflogSourceTest, NumbersThatBeginAgainOrWrapAreNoLoss) {
  ASSERT_TRUE(run({[&] { nflog_.lose(0x7ffffff0); }, logged({}), [&] { nflog_.lose(0x7ffffff0); },
                   logged({}), [&] { nflog_.lose(29); }, logged({}), [&] { nflog_.log({}); },
                   [&] { nflog_.next_sequence = 0; }, logged({})}));
  EXPECT_EQ(lost_, 2 * 0x7ffffff0ULL + 29);
}

TEST_F(NflogSourceTest, WhatTheSystemHeldBackIsTakenAtTheEnd) {
  nflog_.at_end.push_back(nflog_message({.sequence = 0}));
  ASSERT_TRUE(run({}));
  EXPECT_EQ(events_.events.size(), 1U);
}

TEST_F(NflogSourceTest, ThePolicyDecides) {
  const Steps steps{logged({.payload = kSyn}, 2), logged({.payload = kAck})};
  audit(true, false);
  ASSERT_TRUE(run(steps));
  EXPECT_EQ(event_ids(), std::vector<int>{5157});
  EXPECT_EQ(report_.snapshot().counts->ignored, 1U);
  EXPECT_EQ(report_.snapshot().counts->folded, 1U);

  events_ = {};
  position_.clear();
  audit(false, true);
  ASSERT_TRUE(run(steps));
  EXPECT_EQ(event_ids(), (std::vector<int>{5152, 5152, 5152}));

  events_ = {};
  position_.clear();
  audit(false, false);
  ASSERT_TRUE(run(steps));
  EXPECT_EQ(event_ids(), std::vector<int>{});
  EXPECT_EQ(report_.snapshot().counts->ignored, 3U);
}

TEST_F(NflogSourceTest, APolicyThatCannotBeReadIsToldAndBlocksAreRecorded) {
  options_.policy = []() -> Result<AuditPolicy> { return make_error(ErrorCode::kIo, "gone"); };
  ASSERT_TRUE(run({logged({})}));
  EXPECT_EQ(event_ids(), std::vector<int>{5157});
}

TEST_F(NflogSourceTest, WhatItsRuleLetsPassIsNoBlock) {
  use_rule(1, true);
  ASSERT_TRUE(run({logged({}, 3)}));
  EXPECT_EQ(event_ids(), std::vector<int>{});
  EXPECT_EQ(report_.snapshot().counts->ignored + report_.snapshot().counts->folded, 3U);
  position_.clear();
  audit(true, true, true);
  options_.record = kAllActions;
  ASSERT_TRUE(run({logged({})}));
  EXPECT_EQ(event_ids(), std::vector<int>{5156});
}

TEST_F(NflogSourceTest, ARuleWithoutAConditionIsTheDefault) {
  use_rule(0, false);
  ASSERT_TRUE(run({logged({})}));
  EXPECT_EQ(events_.events.at(0).reason, Reason::kDefaultInbound);
  EXPECT_EQ(winlog::explain(events_.events[0]).reason, Reason::kDefaultInbound);
  EXPECT_THAT(winlog::note_of(events_.events[0], "rule"), "inet t in handle 42");
}

TEST_F(NflogSourceTest, DamageIsCounted) {
  ASSERT_TRUE(run({[&] {
    nflog_.waiting.emplace_back("short");
    std::string message = nflog_message({});
    message[20] = '\1';  // the length of the first attribute
    nflog_.waiting.push_back(message);
    nflog_.waiting.push_back(error_message(0));
    // Both were packets with a number, which is not missing as well.
    nflog_.next_sequence = 2;
    nflog_.log({});
  }}));
  EXPECT_EQ(damaged_, 2U);
  EXPECT_EQ(lost_, 0U);
}

TEST_F(NflogSourceTest, WhatHappenedWhileNobodyListenedIsMissing) {
  ASSERT_TRUE(run({logged({})}));
  EXPECT_TRUE(told(CoverageKind::kRecordsMissing).empty());
  const auto stopped = parse_nflog_position(position_)->listened;
  ASSERT_TRUE(run({}));
  const auto facts = told(CoverageKind::kRecordsMissing);
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].start, stopped);
  EXPECT_FALSE(facts[0].missing_records);
}

TEST_F(NflogSourceTest, AFailureIsAFactAndKeepsWhatCameBefore) {
  const auto fail = [&] { nflog_.receive_error = Error{ErrorCode::kIo, "broken"}; };
  const auto done = run({logged({}, 2), fail});
  ASSERT_FALSE(done);
  EXPECT_EQ(event_ids(), (std::vector<int>{5157, 5152}));
  EXPECT_EQ(told(CoverageKind::kSourceDown).size(), 1U);
  nflog_.receive_error.reset();
  nflog_.open_error = Error{ErrorCode::kConflict, "taken"};
  EXPECT_EQ(run({}).error().code, ErrorCode::kConflict);
}

TEST_F(NflogSourceTest, AGroupWithoutRulesIsTold) {
  ASSERT_TRUE(run({}));
  EXPECT_THAT(report_.snapshot().last_error, HasSubstr("no rule of nftables logs to the group"));
  use_rule(0, true);
  report_.set_error("");
  ASSERT_TRUE(run({}));
  EXPECT_EQ(report_.snapshot().last_error, "");
}

TEST_F(NflogSourceTest, RulesAreListedAgainOnlyWhenTheyChanged) {
  use_rule(0, true);
  ASSERT_TRUE(run({logged({}), logged({.payload = kSyn}), logged({.payload = kAck})}));
  EXPECT_EQ(nflog_.listings, 1);
}

TEST(NflogPositionTest, TextAndBack) {
  const NflogPosition position{.listened = {123}, .folded = 4, .ignored = 5};
  const auto again = parse_nflog_position(to_text(position));
  ASSERT_TRUE(again);
  EXPECT_EQ(to_text(*again), to_text(position));
  for (const char* bad : {"", "2 1 2 3", "1 1 2", "1 1 2 3 4", "1 x 2 3", "1 1 -2 3"}) {
    EXPECT_FALSE(parse_nflog_position(bad)) << bad;
  }
}

TEST_F(NflogSourceTest, ASenderThatTheSystemTellsIsBelieved) {
  const auto drops = std::make_shared<FakeDrops>();
  drops->senders = {{53, {.process_id = 7, .executable = "/bin/once"}}};
  options_.drops = drops;
  nflog_.owner.state = SocketOwner::State::kNoSocket;
  const auto sent = [](unsigned port, std::uint8_t hook = netfilter::kLocalOut) {
    return LoggedPacket{.hook = hook, .payload = ipv4_packet(17, udp_header(40'000, port))};
  };
  ASSERT_TRUE(run({logged(sent(53)), logged(sent(54)), logged(sent(53, netfilter::kLocalIn)),
                   // The row of the repeats is made after the process is forgotten.
                   [&] { logged(sent(53), 2)(); }, [&] { drops->senders.clear(); }}));
  ASSERT_EQ(event_ids(), (std::vector<int>{5157, 5157, 5157, 5152}));
  for (const std::size_t known : {0U, 3U}) {
    EXPECT_EQ(events_.events[known].process_id, 7U);
    EXPECT_EQ(events_.events[known].application, "/bin/once");
    EXPECT_EQ(winlog::note_of(events_.events[known], winlog::kProcessNote), "");
  }
  EXPECT_EQ(events_.events[1].process_id, std::nullopt);
  EXPECT_EQ(winlog::note_of(events_.events[1], winlog::kProcessNote), "gone");
  EXPECT_EQ(winlog::note_of(events_.events[2], winlog::kProcessNote), "no listener");
  EXPECT_EQ(drops->asked, 4);  // not for what came in
  EXPECT_GT(drops->kept_up, 0);
}

}  // namespace
}  // namespace blockwatch
