#include "monitor/netfilter/nflog_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "monitor/netfilter/flow_fold.h"
#include "monitor/netfilter/nflog_position.h"
#include "monitor/netfilter/rule_book.h"
#include "monitor/winlog/reason.h"

namespace blockwatch {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long stop may have to wait.
constexpr milliseconds kLongestPause{200};
constexpr std::size_t kBatch = 1'000;
// While packets come without a pause, what was made of them goes on so often.
constexpr milliseconds kBatchTime{50};
// How often the policy is asked, losses become a fact, and counts alone are stored.
constexpr milliseconds kLookInterval{1'000};

// A number that is further away than this is lower: somebody set the count back.
constexpr std::uint32_t kMostMissing = 1U << 31;

constexpr std::uint16_t kDropped = 5152;
constexpr std::uint16_t kPermitted = 5156;
constexpr std::uint16_t kBlocked = 5157;

// What of the policy counts here.
struct Audited {
  bool blocks = true;    // first packets of flows
  bool drops = true;     // other packets
  bool permits = false;  // first packets that their rule lets pass
};

// One run, from reading the position to the end or a failure.
class Listener {
 public:
  Listener(NflogApi& api, const NflogOptions& options, const std::string& name,
           const PositionFn& position_of, const BatchFn& emit, SourceReport& report,
           std::stop_token stop)
      : api_(api),
        options_(options),
        name_(name),
        host_(api.host()),
        position_of_(position_of),
        emit_(emit),
        report_(report),
        stop_(std::move(stop)),
        rules_(api),
        flows_(options.fold_window, options.most_flows) {}

  Result<void> run() {
    const auto stored = position_of_(name_);
    if (!stored) return tl::unexpected(stored.error());
    position_ = parse_nflog_position(*stored).value_or(NflogPosition{});
    auto done = listen();
    tell_of(flows_.drain());
    tell_of_losses();
    if (!done && !stopping()) {
      facts_.push_back({.kind = CoverageKind::kSourceDown,
                        .start = position_.listened.ticks != 0 ? position_.listened : now(),
                        .detail = done.error().message});
    }
    hand_on();
    return done;
  }

 private:
  bool stopping() const { return refused_ || stop_.stop_requested(); }

  Result<void> listen() {
    const Timestamp opened = now();
    auto opening = api_.open(options_.group);
    if (!opening) return tl::unexpected(opening.error());
    NflogSocket& socket = **opening;
    begin(opened);
    while (!stopping()) {
      auto received = socket.receive(is_pending() ? milliseconds(0) : kLongestPause);
      if (!received) return tl::unexpected(received.error());
      // All that came before is taken.
      if (received->bytes.empty() && !received->overrun) position_.listened = now();
      take(*received);
      look_around(received->bytes.empty());
    }
    return drain(socket);
  }

  void begin(Timestamp opened) {
    // Whatever was lost meanwhile is a fact of its own.
    facts_.push_back({.kind = CoverageKind::kSourceDown,
                      .start = opened,
                      .end = opened,
                      .missing_records = 0,
                      .ends_open = true});
    if (position_.listened.ticks != 0) {
      facts_.push_back({.kind = CoverageKind::kRecordsMissing,
                        .start = std::min(position_.listened, opened),
                        .end = opened,
                        .detail = "nobody listened to the group, and Linux keeps no packets"});
    }
    position_.listened = last_time_ = opened;
    ask_policy();
    hand_on();
    look_at_rules(Clock::now());
    report_.set_state(SourceState::kFollowing);
  }

  // What the system held back until the end.
  Result<void> drain(NflogSocket& socket) {
    socket.close_group();
    const auto end = Clock::now() + kLongestPause;
    while (!refused_ && Clock::now() < end) {
      auto received = socket.receive(milliseconds(0));
      if (!received) return tl::unexpected(received.error());
      if (received->bytes.empty() && !received->overrun) {
        position_.listened = now();
        return {};
      }
      take(*received);
    }
    return {};
  }

  void take(const NflogSocket::Received& received) {
    const Timestamp time = now();
    const Clock::time_point clock = Clock::now();
    if (options_.drops) options_.drops->keep_up();
    netlink::Reader messages(received.bytes);
    while (const auto message = messages.message()) {
      if (message->type != kNflogPacketType) continue;
      auto packet = parse_nflog_packet(*message);
      if (!packet) {
        count_damage();
        continue;
      }
      // Those of this machine come without a time.
      if (!packet->time) packet->time = time;
      find_sender(*packet);
      heard_ = true;
      count_losses(*packet);
      accept(*packet, clock);
      if (list_.events.size() >= kBatch) hand_on();
    }
    if (messages.is_damaged()) count_damage();
  }

  // Its number is passed, so that it is not missing as well.
  void count_damage() {
    ++damaged_;
    ++next_sequence_;
  }

  void find_sender(NflogPacket& packet) const {
    if (options_.drops && packet.packet && direction_of(packet) == Direction::kOutbound) {
      packet.sender = options_.drops->sender_of(*packet.packet);
    }
  }

  SocketOwner owner_of(const NflogPacket& packet) const {
    if (!packet.sender) return api_.owner_of(packet);
    return {.state = SocketOwner::State::kFound,
            .process_id = packet.sender->process_id,
            .executable = packet.sender->executable};
  }

  // The numbers of a group rise by one; what is missing between two was lost.
  void count_losses(const NflogPacket& packet) {
    if (packet.sequence) {
      const std::uint32_t missing = *packet.sequence - next_sequence_;
      if (missing > 0 && missing <= kMostMissing) {
        if (losses_ == 0) first_loss_ = last_time_;
        losses_ += missing;
        last_loss_ = *packet.time;
      }
      next_sequence_ = *packet.sequence + 1;
    }
    last_time_ = *packet.time;
    position_.listened = std::max(position_.listened, last_time_);
  }

  void accept(const NflogPacket& packet, Clock::time_point clock) {
    const bool opens = packet.packet && opens_flow(*packet.packet);
    const bool wanted =
        opens ? audited_.blocks || audited_.drops || audited_.permits : audited_.drops;
    if (!wanted) {
      ++position_.ignored;
    } else if (flows_.begins(packet, clock)) {
      if (!tell(packet, opens && audited_.blocks ? kBlocked : kDropped, 1)) ++position_.ignored;
    } else {
      ++position_.folded;
    }
  }

  void tell_of(const std::vector<FlowFold::Repeats>& all) {
    for (const auto& [last, count] : all) {
      if (audited_.drops && tell(last, kDropped, count)) --position_.folded;
      if (list_.events.size() >= kBatch) hand_on();
    }
  }

  // False: such events are not to be recorded.
  bool tell(const NflogPacket& packet, std::uint16_t event_id, std::uint64_t packets) {
    const LogRule* rule = rules_.find(packet, Clock::now());
    // Logging is no verdict: the rule may let pass what it logs.
    const bool passes = rule != nullptr && rule->verdict == LogRule::Verdict::kAccept;
    if (passes) event_id = kPermitted;
    if (!options_.record.has_event_id(event_id) || (passes && !audited_.permits) ||
        (!passes && !audited_.blocks && !audited_.drops)) {
      return false;
    }
    const std::string in_name = name_of(packet.in_interface);
    const std::string out_name = name_of(packet.out_interface);
    const PacketContext context{.source = name_,
                                .host = host_,
                                .in_name = in_name,
                                .out_name = out_name,
                                .rule = rule,
                                .owner = owner_of(packet),
                                .packets = packets};
    list_.events.push_back(to_event(packet, event_id, context, list_.text));
    return true;
  }

  std::string name_of(std::optional<std::uint32_t> index) {
    return index ? api_.interface_name(*index) : std::string{};
  }

  bool is_pending() const { return !list_.events.empty(); }

  void look_around(bool is_quiet) {
    const auto clock = Clock::now();
    if (clock - looked_ >= kLookInterval) {
      looked_ = clock;
      ask_policy();
      tell_of(flows_.due(clock));
      tell_of_losses();
      if (!facts_.empty() || counts_ != counts()) hand_on();
    }
    const auto waited = clock - handed_on_;
    if (is_pending()) {
      if (is_quiet || waited >= kBatchTime) hand_on();
    } else if (waited >= options_.position_interval) {
      hand_on();
      look_at_rules(clock);
    }
  }

  // A silent group may have nobody who logs to it, which a user would want to know.
  void look_at_rules(Clock::time_point clock) {
    const bool was_unused =
        std::exchange(unused_, !heard_ && !rules_.log_to(options_.group, clock));
    if (unused_ != was_unused) {
      report_.set_error(unused_ ? "no rule of nftables logs to the group " +
                                      std::to_string(options_.group) + " yet"
                                : "");
    }
  }

  void ask_policy() {
    if (!options_.policy) return;
    const auto policy = options_.policy();
    if (!policy) {
      report_.set_error("the audit policy cannot be read: " + policy.error().message);
      return;
    }
    const AuditFlags connections = policy->at(kAuditConnection).value_or(AuditFlags{});
    audited_ = {.blocks = connections.failure,
                .drops = policy->at(kAuditPacketDrop).value_or(AuditFlags{}).failure,
                .permits = connections.success};
  }

  void tell_of_losses() {
    if (losses_ == 0) return;
    // The store takes facts that begin at one moment for one.
    const Timestamp start = std::max(first_loss_, Timestamp{told_losses_.ticks + 1});
    told_losses_ = std::max(start, last_loss_);
    facts_.push_back({.kind = CoverageKind::kRecordsDropped,
                      .start = start,
                      .end = told_losses_,
                      .missing_records = losses_,
                      .detail = "packets came faster than they could be stored"});
    lost_ += std::exchange(losses_, 0);
  }

  std::pair<std::uint64_t, std::uint64_t> counts() const {
    return {position_.folded, position_.ignored};
  }

  // The events, what is known to be missing and the position, to be stored together.
  void hand_on() {
    if (refused_) return;
    if (!list_.events.empty()) {
      const Timestamp newest = list_.events.back().time;
      report_.set_lag_ms(std::max<std::int64_t>(0, (now().ticks - newest.ticks) / 10'000));
    } else {
      report_.set_lag_ms(0);
    }
    report_.set_counts({.folded = position_.folded, .ignored = position_.ignored});
    refused_ = !emit_({.source = name_,
                       .list = std::exchange(list_, EventList{}),
                       .position = to_text(position_),
                       .lost = std::exchange(lost_, 0),
                       .damaged = std::exchange(damaged_, 0),
                       .facts = std::exchange(facts_, {})});
    counts_ = counts();
    handed_on_ = Clock::now();
  }

  NflogApi& api_;
  const NflogOptions& options_;
  const std::string& name_;
  const std::string host_;
  const PositionFn& position_of_;
  const BatchFn& emit_;
  SourceReport& report_;
  const std::stop_token stop_;

  RuleBook rules_;
  FlowFold flows_;
  Audited audited_;
  NflogPosition position_;
  std::uint32_t next_sequence_ = 0;  // a group that is opened begins with 0
  Timestamp last_time_;              // of the newest packet
  std::uint64_t losses_ = 0;         // not told of yet
  Timestamp first_loss_;
  Timestamp last_loss_;
  Timestamp told_losses_;  // until then
  bool heard_ = false;     // a packet came
  bool unused_ = false;    // no rule logs to the group, as far as can be seen
  bool refused_ = false;   // the program is stopping
  Clock::time_point looked_;
  Clock::time_point handed_on_;
  std::pair<std::uint64_t, std::uint64_t> counts_;  // as they were handed on
  EventList list_;                                  // of the next batch, as these
  std::vector<CoverageFact> facts_;
  std::uint64_t lost_ = 0;
  std::uint64_t damaged_ = 0;
};

class NflogSource final : public EventSource {
 public:
  NflogSource(std::unique_ptr<NflogApi> api, const NflogOptions& options)
      : api_(std::move(api)),
        options_(options),
        name_(std::string(winlog::kNflogSource) + std::to_string(options.group)) {}

  const std::string& name() const override { return name_; }
  // Nothing can be read again, but the source itself tells, from its position, what nobody heard.
  bool rereads() const override { return true; }

  Result<void> run(const PositionFn& position_of, const BatchFn& emit, SourceReport& report,
                   std::stop_token stop) override {
    return Listener(*api_, options_, name_, position_of, emit, report, std::move(stop)).run();
  }

 private:
  const std::unique_ptr<NflogApi> api_;
  const NflogOptions options_;
  const std::string name_;
};

}  // namespace

std::unique_ptr<EventSource> make_nflog_source(std::unique_ptr<NflogApi> api,
                                               const NflogOptions& options) {
  return std::make_unique<NflogSource>(std::move(api), options);
}

}  // namespace blockwatch
