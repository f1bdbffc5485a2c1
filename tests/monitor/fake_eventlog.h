#pragma once
// An event log in memory with the awkward sides of the real one, each from its source:
//
// - StartAfterBookmark + Strict: ERROR_NOT_FOUND (1168) when the record is gone
//   (sdk-api, winevt/ne-winevt-evt_subscribe_flags.md)
// - ERROR_EVT_QUERY_RESULT_STALE (15011) once the log was cleared or rolled over, for ever
//   (win32, WES/windows-event-log-error-constants.md; elastic/beats#32168)
// - RPC_S_INVALID_BOUND (1734) for a batch that is too large, with the position moved all the same
//   (elastic/beats#3112, osquery/osquery#6660)
// - ERROR_INVALID_OPERATION (4317) when asked again after the end, without a new event
//   (mhammond/pywin32#2377, DataDog/datadog-agent#19761)
// - ERROR_INVALID_HANDLE (6) after the service was restarted (wazuh/wazuh#3836), and
//   RPC_S_SERVER_UNAVAILABLE (1722) while it is down
// - 15007 without the channel, 5 without the right to read it (sdk-api,
// winevt/nf-winevt-evtsubscribe.md)
// - numbers go on after a clear, whose first record is 1102; they begin again when the file is
// replaced

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "monitor/eventlog_api.h"
#include "storage/timestamp.h"

namespace blockwatch {

struct FakeRecord {
  std::uint64_t id = 0;
  Timestamp time;
  std::uint16_t event_id = 0;
  // Bytes and type by path, as Windows renders them.
  std::map<std::string, std::pair<std::uint8_t, std::string>, std::less<>> values;
};

// What the test does to the log, and what the log does to those who read it. One thread: while the
// reader waits or takes something, functions of the test are called that may change the log.
class FakeEventLog {
 public:
  static constexpr std::uint32_t kInvalidHandle = 6;

  std::function<void()> idle = [] {};   // the reader waits
  std::function<void()> busy = [] {};   // the reader is about to take something
  std::function<void()> ended = [] {};  // the reader is about to be told that this was all

  // A blocked connection; returns its number.
  std::uint64_t add_block();
  // Any other event of the channel, which nobody asked for.
  std::uint64_t add_other() { return add("Microsoft-Windows-Security-Auditing", 4624, {}); }
  std::uint64_t add(const std::string& provider, std::uint16_t event_id,
                    const std::map<std::string, std::string>& texts);

  std::optional<Timestamp> next_time;  // of the next record, whose clock is wrong
  void count_from(std::uint64_t record_id) { next_id_ = record_id; }
  void overwrite_below(std::uint64_t record_id);
  void clear();            // 1102 is the first record then
  void replace();          // by an empty file that counts from 1
  void archive();          // the file goes; numbers go on in a new one
  void restart_service();  // subscriptions die
  void freeze();           // subscriptions give nothing more, without an error
  void keep_signalling() { always_signalled_ = true; }

  // Answers of functions, once each in this order, before they do what they should.
  std::deque<std::uint32_t> subscribe_errors;
  std::deque<std::uint32_t> next_errors;
  std::deque<std::uint32_t> info_errors;
  std::set<std::uint64_t> unreadable;  // records whose rendering fails
  std::uint32_t largest_batch = UINT32_MAX;
  std::string folder;

  const std::deque<FakeRecord>& records() const { return records_; }
  std::uint64_t newest() const { return next_id_ - 1; }
  std::uint64_t subscriptions() const { return subscribed_; }
  std::uint64_t open_subscriptions() const { return subscriptions_.size(); }
  std::uint64_t takes() const { return takes_; }
  std::uint32_t smallest_batch() const { return smallest_batch_; }

  std::unique_ptr<EventLogApi> api();

 private:
  class Api;
  class Subscription;

  void make_stale();
  void signal();

  std::deque<FakeRecord> records_;
  std::uint64_t next_id_ = 1;
  std::uint64_t created_ = 1;
  Timestamp last_time_;
  std::set<Subscription*> subscriptions_;
  std::uint64_t subscribed_ = 0;
  std::uint64_t takes_ = 0;
  std::uint32_t smallest_batch_ = UINT32_MAX;
  bool always_signalled_ = false;
};

}  // namespace blockwatch
