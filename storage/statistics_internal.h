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

// Ids are 64-bit unsigned, stored as the same bits.
std::string number_text(std::int64_t stored);

}  // namespace blockwatch
