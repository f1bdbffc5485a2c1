#pragma once
// One record of the live event log: rendered values to named fields, and companions to facts.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/evtx/value.h"
#include "monitor/winlog/text_record.h"
#include "storage/coverage.h"

namespace blockwatch {

// The values to ask for, in order. Values come without names, so every name of every template
// version is asked for; most are absent in most records.
std::span<const std::string_view> eventlog_paths();

// Turns the values of a record into text as EVTX files give it. One thread.
class EventLogRecord {
 public:
  // What is wrong with it, nullopt when nothing is. The record's text lives until the next call.
  std::optional<std::string> read(std::span<const evtx::Value> values);

  const winlog::TextRecord& fields() const { return record_; }
  std::uint64_t record_id() const { return *record_.record_id; }
  Timestamp time() const { return time_; }

  // What the record tells about missing events, if it is a companion that does. A fact without an
  // end lasts until the next record.
  std::optional<CoverageFact> fact() const;

 private:
  std::string_view value_of(std::string_view name) const;
  std::string who() const;

  winlog::TextRecord record_;
  Timestamp time_;
  std::vector<char> text_;
};

}  // namespace blockwatch
