#include "tests/monitor/fake_eventlog.h"

#include <algorithm>
#include <cstring>
#include <regex>

namespace blockwatch {
namespace {

using evtx::ValueType;
using Bytes = std::pair<std::uint8_t, std::string>;

template <class Int>
Bytes number(ValueType type, Int value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return {static_cast<std::uint8_t>(type), bytes};
}

Bytes text(const std::string& ascii) {
  std::string utf16;
  for (const char c : ascii) utf16 += {c, '\0'};
  return {static_cast<std::uint8_t>(ValueType::kString), utf16};
}

std::uint32_t take_error(std::deque<std::uint32_t>& errors) {
  if (errors.empty()) return 0;
  const std::uint32_t code = errors.front();
  errors.pop_front();
  return code;
}

}  // namespace

class FakeEventLog::Subscription final : public LogSubscription {
 public:
  Subscription(FakeEventLog& log, const LogQuestion& question, std::uint64_t position)
      : log_(log), paths_(question.paths.begin(), question.paths.end()), position_(position) {
    // Which ids of which provider: all that the structured queries of the source say.
    const std::regex select("@Name='([^']*)'\\] and \\(([^)]*)\\)");
    const std::regex id("EventID=(\\d+)");
    const auto& query = question.query;
    for (std::sregex_iterator it(query.begin(), query.end(), select), end; it != end; ++it) {
      const std::string terms = (*it)[2];
      for (std::sregex_iterator term(terms.begin(), terms.end(), id); term != end; ++term) {
        wanted_.insert({(*it)[1], static_cast<std::uint16_t>(std::stoul((*term)[1]))});
      }
    }
    signalled_ = next_index() < log_.records_.size();
    log_.subscriptions_.insert(this);
    ++log_.subscribed_;
  }
  ~Subscription() override { log_.subscriptions_.erase(this); }

  bool wait(std::chrono::milliseconds) override {
    if (log_.always_signalled_) return true;
    if (!signalled_) log_.idle();
    return signalled_;
  }
  void reset() override { signalled_ = false; }

  LogResult<std::uint32_t> next(std::uint32_t most) override {
    ++log_.takes_;
    log_.busy();
    if (const auto code = take_error(log_.next_errors)) return tl::unexpected(code);
    if (dead) return tl::unexpected(kInvalidHandle);
    if (stale) return tl::unexpected(log_error::kResultStale);
    if (frozen) return tl::unexpected(log_error::kInvalidOperation);
    taken_.clear();
    for (std::size_t i = next_index(); i < log_.records_.size() && taken_.size() < most;) {
      taken_.push_back(log_.records_[i]);
      position_ = log_.records_[i].id;
      i = next_index();
    }
    if (taken_.empty()) {
      const bool again = std::exchange(at_end_, true);
      log_.ended();
      return tl::unexpected(again ? log_error::kInvalidOperation : log_error::kNoMoreItems);
    }
    at_end_ = false;
    log_.smallest_batch_ = std::min(log_.smallest_batch_, most);
    if (most > log_.largest_batch) return tl::unexpected(log_error::kInvalidBound);
    return static_cast<std::uint32_t>(taken_.size());
  }

  LogResult<std::span<const evtx::Value>> render(std::uint32_t index) override {
    const FakeRecord& record = taken_.at(index);
    if (log_.unreadable.contains(record.id)) return tl::unexpected(std::uint32_t{13});
    values_.clear();
    for (const std::string& path : paths_) {
      const auto found = record.values.find(path);
      if (found == record.values.end()) {
        values_.emplace_back();
        continue;
      }
      const auto& [type, bytes] = found->second;
      values_.emplace_back(type, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                           static_cast<std::uint32_t>(bytes.size()));
    }
    return values_;
  }

  bool wants(const FakeRecord& record) const {
    const auto& provider = record.values.at("Event/System/Provider/@Name").second;
    std::string ascii;
    for (std::size_t i = 0; i < provider.size(); i += 2) ascii += provider[i];
    return wanted_.contains({ascii, record.event_id});
  }
  void signal() {
    at_end_ = false;
    signalled_ = true;
  }

  bool stale = false;
  bool dead = false;
  bool frozen = false;
  std::uint64_t position() const { return position_; }

 private:
  std::size_t next_index() const {
    const auto& all = log_.records_;
    const auto behind = std::partition_point(
        all.begin(), all.end(), [this](const FakeRecord& r) { return r.id <= position_; });
    const auto it =
        std::find_if(behind, all.end(), [this](const FakeRecord& r) { return wants(r); });
    return static_cast<std::size_t>(it - all.begin());
  }

  FakeEventLog& log_;
  const std::vector<std::string> paths_;
  std::set<std::pair<std::string, std::uint16_t>> wanted_;
  std::uint64_t position_;
  bool signalled_ = false;
  bool at_end_ = false;  // it has said so, and nothing came since
  std::vector<FakeRecord> taken_;
  std::vector<evtx::Value> values_;
};

class FakeEventLog::Api final : public EventLogApi {
 public:
  explicit Api(FakeEventLog& log) : log_(log) {}

  LogResult<std::unique_ptr<LogSubscription>> subscribe(const LogQuestion& question) override {
    if (const auto code = take_error(log_.subscribe_errors)) return tl::unexpected(code);
    std::uint64_t position = 0;
    if (question.after_record_id) {
      position = *question.after_record_id;
      const auto& all = log_.records_;
      if (std::none_of(all.begin(), all.end(), [&](const auto& r) { return r.id == position; })) {
        return tl::unexpected(log_error::kNotFound);
      }
    }
    return std::make_unique<Subscription>(log_, question, position);
  }

  LogResult<LogInfo> info() override {
    if (const auto code = take_error(log_.info_errors)) return tl::unexpected(code);
    const auto& all = log_.records_;
    return LogInfo{all.empty() ? 0 : all.front().id, all.size(), log_.created_};
  }

  std::string folder() override { return log_.folder; }

 private:
  FakeEventLog& log_;
};

std::unique_ptr<EventLogApi> FakeEventLog::api() { return std::make_unique<Api>(*this); }

std::uint64_t FakeEventLog::add(const std::string& provider, std::uint16_t event_id,
                                const std::map<std::string, std::string>& texts) {
  FakeRecord record{.id = next_id_++, .event_id = event_id};
  // Ticks of their own keep the events apart.
  last_time_ = std::max(now(), Timestamp{last_time_.ticks + 1});
  record.time = std::exchange(next_time, std::nullopt).value_or(last_time_);
  record.values = {
      {"Event/System/Provider/@Name", text(provider)},
      {"Event/System/EventID", number(ValueType::kUInt16, event_id)},
      {"Event/System/Version", number(ValueType::kUInt8, std::uint8_t{1})},
      {"Event/System/TimeCreated/@SystemTime",
       number(ValueType::kFileTime, to_filetime(record.time))},
      {"Event/System/EventRecordID", number(ValueType::kUInt64, record.id)},
      {"Event/System/Channel", text("Security")},
      {"Event/System/Computer", text("PC01.example.org")},
  };
  for (const auto& [path, value] : texts) record.values[path] = text(value);
  records_.push_back(std::move(record));
  for (Subscription* s : subscriptions_) {
    if (s->wants(records_.back()) && !s->frozen && !s->dead) s->signal();
  }
  return next_id_ - 1;
}

std::uint64_t FakeEventLog::add_block() {
  const auto data = [](const std::string& name) {
    return "Event/EventData/Data[@Name='" + name + "']";
  };
  const std::uint64_t id = add("Microsoft-Windows-Security-Auditing", 5157,
                               {{data("Application"), "\\device\\harddiskvolume2\\app.exe"},
                                {data("Direction"), "%%14593"},
                                {data("SourceAddress"), "192.168.1.20"},
                                {data("SourcePort"), "50000"},
                                {data("DestAddress"), "198.51.100.7"},
                                {data("DestPort"), "443"},
                                {data("LayerName"), "%%14611"}});
  auto& values = records_.back().values;
  values[data("ProcessID")] = number(ValueType::kUInt64, std::uint64_t{4556});
  values[data("Protocol")] = number(ValueType::kUInt32, std::uint32_t{6});
  values[data("FilterRTID")] = number(ValueType::kUInt64, std::uint64_t{70000});
  values[data("LayerRTID")] = number(ValueType::kUInt64, std::uint64_t{48});
  values[data("RemoteUserID")] = {static_cast<std::uint8_t>(ValueType::kSid),
                                  std::string("\1\1\0\0\0\0\0\0\0\0\0\0", 12)};
  return id;
}

void FakeEventLog::overwrite_below(std::uint64_t record_id) {
  while (!records_.empty() && records_.front().id < record_id) records_.pop_front();
  // Whoever has not come that far reads a log that has rolled over.
  for (Subscription* s : subscriptions_) s->stale = s->stale || s->position() + 1 < record_id;
}

void FakeEventLog::make_stale() {
  for (Subscription* s : subscriptions_) s->stale = true;
}

void FakeEventLog::clear() {
  records_.clear();
  make_stale();
  add("Microsoft-Windows-Eventlog", 1102,
      {{"Event/UserData/LogFileCleared/SubjectUserName", "kim"},
       {"Event/UserData/LogFileCleared/SubjectDomainName", "EXAMPLE"}});
  signal();
}

void FakeEventLog::replace() {
  records_.clear();
  next_id_ = 1;
  ++created_;
  make_stale();
  signal();
}

void FakeEventLog::archive() {
  records_.clear();
  ++created_;
  make_stale();
  add("Microsoft-Windows-Eventlog", 1105, {});
  signal();
}

void FakeEventLog::restart_service() {
  for (Subscription* s : subscriptions_) s->dead = true;
}

void FakeEventLog::freeze() {
  for (Subscription* s : subscriptions_) s->frozen = true;
}

void FakeEventLog::signal() {
  for (Subscription* s : subscriptions_) s->signal();
}

}  // namespace blockwatch
