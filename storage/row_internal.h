#pragma once
// Rows of the table `event`: how a key holds a time, and how a row becomes an Event.

#include <cstdint>
#include <unordered_map>

#include "storage/dictionary_internal.h"
#include "storage/event.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

// A key is the tick and a slot within it, so that the table itself is in order of time. More than
// kSlots events of one tick go on in the following ticks; `borrowed` is then how many ticks to
// subtract.
inline constexpr int kSlotBits = 8;
inline constexpr std::int64_t kSlots = 1 << kSlotBits;
constexpr std::int64_t first_key_of(std::int64_t ticks) { return ticks << kSlotBits; }
constexpr std::int64_t last_key_of(std::int64_t ticks) { return (ticks << kSlotBits) + kSlots - 1; }
constexpr std::int64_t tick_of(std::int64_t key) { return key >> kSlotBits; }

inline constexpr std::int64_t kTicksPerHour = 3600 * Timestamp::kTicksPerSecond;

// The columns RowReader expects, in its order, of the table `event e`.
inline constexpr const char* kRowColumns =
    "e.key, e.seq, e.shape, e.record_id, e.application, e.process_id, e.local_address, "
    "e.local_port, e.remote_address, e.remote_port, e.filter_id, e.borrowed";
inline constexpr int kRawColumn = 12;  // ", e.raw" when raw is wanted

void bind_address(SqlStatement& statement, int index, const std::optional<IpAddress>& address);
std::optional<IpAddress> address_at(const SqlStatement& row, int column);

// Makes events whose text lives in the list's arena. For one question.
class RowReader {
 public:
  RowReader(SqlConnection& connection, Dictionary& dictionary, EventList& list, bool raw)
      : connection_(connection), dictionary_(dictionary), list_(list), raw_(raw) {}

  void add(const SqlStatement& row);
  Event read(const SqlStatement& row);

 private:
  Timestamp received_time(std::uint64_t seq);
  const Event& shape_event(std::int64_t id);
  std::string_view application(std::int64_t id);

  SqlConnection& connection_;
  Dictionary& dictionary_;
  EventList& list_;
  bool raw_;
  std::unordered_map<std::int64_t, Event> shapes_;
  std::unordered_map<std::int64_t, std::string_view> applications_;
  // The commit found last holds [batch_first_, batch_last_] at least.
  std::uint64_t batch_first_ = 1;
  std::uint64_t batch_last_ = 0;
  Timestamp batch_received_;
};

}  // namespace blockwatch
