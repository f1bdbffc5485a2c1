#pragma once
// Rows of the table `event`, and how one becomes an Event.

#include <cstdint>
#include <unordered_map>

#include "storage/dictionary_internal.h"
#include "storage/event.h"
#include "storage/index_row_internal.h"
#include "storage/received_times_internal.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

inline constexpr std::int64_t kTicksPerHour = 3600 * Timestamp::kTicksPerSecond;

// The columns RowReader expects, in its order, of the table `event e`.
inline constexpr const char* kRowColumns =
    "e.seq, e.time, e.shape, e.record_id, e.application, e.process_id, e.local_address, "
    "e.local_port, e.remote_address, e.remote_port, e.filter_id";
inline constexpr int kRawColumn = 11;  // ", e.raw" when raw is wanted

// IPv4 is kept as the same 32 bits, signed: SQLite then needs four bytes at most. Others as 16
// bytes.
std::optional<IpAddress> address_at(const SqlStatement& row, int column);

// The row's numbers; `row` has the columns kRowColumns.
IndexRow index_row_at(const SqlStatement& row);

// Makes events whose text lives in the list's arena. For one question.
class RowReader {
 public:
  RowReader(ReceivedTimes& received, Dictionary& dictionary, EventList& list, bool raw)
      : received_(received), dictionary_(dictionary), list_(list), raw_(raw) {}

  void add(const SqlStatement& row);
  void read(const SqlStatement& row, Event& event);

 private:
  const Event& shape_event(std::int64_t id);
  std::string_view application(std::int64_t id);

  ReceivedTimes& received_;
  Dictionary& dictionary_;
  EventList& list_;
  bool raw_;
  std::unordered_map<std::int64_t, Event> shapes_;
  std::unordered_map<std::int64_t, std::string_view> applications_;
};

}  // namespace blockwatch
