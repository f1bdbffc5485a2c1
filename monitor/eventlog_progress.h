#pragma once
// How far the live log was looked at, and which records went by before that.

#include <cstdint>
#include <optional>
#include <vector>

#include "monitor/eventlog_api.h"
#include "monitor/eventlog_archives.h"
#include "monitor/eventlog_position.h"
#include "storage/coverage.h"
#include "storage/timestamp.h"

namespace blockwatch {

class EventLogProgress {
 public:
  explicit EventLogProgress(const EventLogPosition& stored) : position_(stored) {}

  // Behind everything that was taken.
  const EventLogPosition& position() const { return position_; }
  // Ever: what was in the log before is nobody's loss.
  bool has_looked() const { return position_.looked_time.ticks != 0; }

  bool is_other_file(const LogInfo& info) const {
    return position_.created != 0 && info.created != position_.created;
  }
  // The bookmarked record is gone; another one of its number may come.
  void lose_record() { position_.record_id = 0; }
  // Whether there were records that nobody looked at; archives may hold them.
  bool may_have_missed(const LogInfo& info) const;

  // A subscription began, at what the log held then. `gone`: at its oldest record.
  void open(const LogInfo& info, bool gone, Timestamp time);
  void take_archive(const RecordRange& range);
  void take_record(std::uint64_t id, Timestamp time);
  // Everything was taken. `proven`: Windows says so. True: there is something to store.
  bool end(bool proven, Timestamp time);

  // Holes that are complete since the last call, and how many records they lack.
  std::vector<CoverageFact> take_facts();
  std::uint64_t take_lost();

 private:
  void find_hole(const LogInfo& info, bool other_file);
  void find_hole_before(std::uint64_t record_id);
  void begin_hole(CoverageFact hole);
  void end_hole(Timestamp end);

  EventLogPosition position_;
  std::optional<Timestamp> opened_;      // the subscription; none once it has given all there was
  std::uint64_t confirmed_through_ = 0;  // looked through then
  std::optional<CoverageFact> hole_;     // its end is the next record
  std::uint64_t archived_through_ = 0;   // archives hold all from what was looked at to here
  bool hole_unknown_ = false;            // the next record tells whether there is one
  std::vector<CoverageFact> facts_;
  std::uint64_t lost_ = 0;
};

}  // namespace blockwatch
