#pragma once
// Shared by the questions that count.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "storage/store_internal.h"

namespace blockwatch {

// A filter's time as whole hours, which the hourly tables can answer, and what is left over.
struct HourSpan {
  std::int64_t first_hour = 0;
  std::int64_t end_hour = 0;  // exclusive; equal to first_hour when there is no whole hour
  std::vector<std::pair<Timestamp, Timestamp>> edges;  // since (inclusive), until (exclusive)
};
HourSpan hour_span(const Filter& filter);

// The text of a field that shapes decide.
std::optional<std::string> shape_value(TopField field, const Event& event);

// So few that reading their rows costs less than reading a list of the whole run.
bool are_few(std::uint64_t matches, const Run& run);

// Ids are 64-bit unsigned, stored as the same bits.
std::string number_text(std::int64_t stored);

}  // namespace blockwatch
