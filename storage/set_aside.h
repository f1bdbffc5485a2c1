#pragma once
// A damaged store gets another name, so that a new one can be begun and nothing is destroyed.

#include <cstdint>
#include <optional>
#include <string>

#include "storage/event.h"
#include "storage/query.h"
#include "storage/result.h"

namespace blockwatch {

struct SetAside {
  std::string path;            // "FILE.corrupt-20261121T220954Z", with its log beside it
  std::uint64_t last_seq = 0;  // no event had a higher one
  // As far as the file still tells.
  std::optional<std::uint64_t> rows;
  std::optional<Timestamp> oldest_time;
};

// Renames the database and its write-ahead log; never over another file. Nobody may have it open
// for writing.
Result<SetAside> set_aside(const std::string& path);

// What the new store says of it.
EventBatch fact_of(const SetAside& old, const std::string& damage);

}  // namespace blockwatch
