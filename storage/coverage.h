#pragma once
// What makes the answers of a source incomplete, as facts with a time. Plain values.

#include <cstdint>
#include <optional>
#include <string>

#include "storage/timestamp.h"

namespace blockwatch {

enum class CoverageKind : std::uint8_t {
  kRecordsMissing,  // record ids that were never seen: overwritten, cleared or counted anew
  kLogCleared,      // someone emptied the log (1102)
  kLogFull,         // the log took no more records (1104)
  kLoggingStopped,  // the event log service was shut down (1100)
  kRecordsDropped,  // Windows says it dropped events on their way to the log (1101, 1106-1108)
  kRecordsDamaged,  // records that could not be read
  kAuditChanged,    // what is audited was changed (4719)
  kSourceDown,      // the source could not read
  kServiceDown,     // the program did not run, and the source cannot read what came meanwhile
  kAuditingOff,     // Windows was not told to audit what is recorded
  kRowsDeleted,     // stored, and deleted by retention since
  kStoreSetAside,   // the store was damaged and a new one begun
};

// From `start` to `end` events may be missing; a moment when both are the same.
struct CoverageFact {
  std::string source;  // set by the store; empty: any
  CoverageKind kind = CoverageKind::kRecordsMissing;
  Timestamp start;
  std::optional<Timestamp> end;  // none: still so
  std::optional<std::uint64_t> first_record_id;
  std::optional<std::uint64_t> last_record_id;
  // At most so many records, of any kind; none: nobody knows.
  std::optional<std::uint64_t> missing_records;
  std::string detail;       // for people
  std::uint64_t count = 1;  // set by the store: so many that followed each other closely are one
  // Set by the store: the fact comes before the event with this seq, and after all lower ones.
  std::uint64_t before_seq = 0;
  // In a batch only: no new fact, but the end (and missing_records) of what is still open of its
  // kind.
  bool ends_open = false;
};

}  // namespace blockwatch
