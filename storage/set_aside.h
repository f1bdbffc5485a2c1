#pragma once
// A damaged store gets another name, so that a new one can be begun and nothing is destroyed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/event.h"
#include "storage/query.h"
#include "storage/result.h"
#include "storage/settings.h"

namespace blockwatch {

// A line that says how the store gives way: what its new name ends in, and what is wrong with it.
// It is noted before anything is done, so that the next start goes on when the program is killed or
// the disk is full in the middle.
std::string plan_to_set_aside(const std::string& path, const std::string& damage);
bool is_plan(std::string_view note);

struct SetAside {
  std::string path;  // "FILE.corrupt-20261121T220954Z", with its log beside it
  std::string damage;
  std::uint64_t last_seq = 0;  // no event had a higher one
  // As far as the file still tells.
  std::optional<std::uint64_t> rows;
  std::optional<Timestamp> oldest_time;
  StoredSettings settings;
};

// Renames the database and its write-ahead log, unless that is done; never over another file.
// Nobody may have it open for writing.
Result<SetAside> set_aside(const std::string& path, const std::string& plan);

// What the new store says of it.
EventBatch fact_of(const SetAside& old);

}  // namespace blockwatch
