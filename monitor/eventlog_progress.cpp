#include "monitor/eventlog_progress.h"

#include <algorithm>
#include <utility>

namespace blockwatch {

bool EventLogProgress::may_have_missed(const LogInfo& info) const {
  if (!has_looked()) return false;
  if (is_other_file(info)) return true;
  return info.records != 0 && info.oldest_record_id > position_.looked_through + 1;
}

void EventLogProgress::open(const LogInfo& info, bool gone, Timestamp time) {
  opened_ = time;
  hole_unknown_ = false;
  if (gone && has_looked()) find_hole(info, is_other_file(info));
  position_.created = info.created;
  confirmed_through_ = info.records == 0 ? 0 : info.oldest_record_id + info.records - 1;
}

void EventLogProgress::find_hole(const LogInfo& info, bool other_file) {
  const std::uint64_t oldest = info.oldest_record_id;
  if (info.records == 0 && !other_file) {
    hole_unknown_ = true;
    return;
  }
  const bool counts_anew = oldest + info.records <= position_.looked_through;
  const bool continues = archived_through_ != 0 && archived_through_ + 1 == oldest;
  if (counts_anew || (other_file && !continues)) {
    begin_hole({.detail = "the log's file was replaced; it may have held more"});
    position_.looked_through = info.records == 0 ? 0 : oldest - 1;
    return;
  }
  find_hole_before(oldest);
}

void EventLogProgress::find_hole_before(std::uint64_t record_id) {
  const std::uint64_t first = position_.looked_through + 1;
  if (record_id <= first) return;
  begin_hole({.first_record_id = first,
              .last_record_id = record_id - 1,
              .missing_records = record_id - first,
              .detail = "overwritten or cleared before they were read"});
  position_.looked_through = record_id - 1;
}

void EventLogProgress::begin_hole(CoverageFact hole) {
  end_hole(now());
  hole.kind = CoverageKind::kRecordsMissing;
  hole.start = position_.looked_time;
  hole_ = std::move(hole);
}

// What is missing was written before the first record that is there.
void EventLogProgress::end_hole(Timestamp end) {
  if (!hole_) return;
  hole_->end = std::max(hole_->start, end);
  lost_ += hole_->missing_records.value_or(0);
  facts_.push_back(*std::exchange(hole_, std::nullopt));
}

void EventLogProgress::take_archive(const RecordRange& range) {
  if (!has_looked() || range.first > position_.looked_through + 1) return;
  archived_through_ = std::max(archived_through_, range.last);
  position_.looked_through = std::max(position_.looked_through, range.last);
}

void EventLogProgress::take_record(std::uint64_t id, Timestamp time) {
  if (std::exchange(hole_unknown_, false)) find_hole_before(id);
  end_hole(time);
  position_.record_id = id;
  position_.looked_through = std::max(position_.looked_through, id);
  // A clock that was ahead must not put later holes into a time to come.
  position_.looked_time = std::min(std::max(position_.looked_time, time), now());
}

bool EventLogProgress::end(bool proven, Timestamp time) {
  bool told = hole_.has_value();
  end_hole(time);
  if (proven && opened_) {
    position_.looked_through = std::max(position_.looked_through, confirmed_through_);
    position_.looked_time = std::max(position_.looked_time, *opened_);
    opened_.reset();
    told = true;
  }
  return told;
}

std::vector<CoverageFact> EventLogProgress::take_facts() { return std::exchange(facts_, {}); }

std::uint64_t EventLogProgress::take_lost() { return std::exchange(lost_, 0); }

}  // namespace blockwatch
