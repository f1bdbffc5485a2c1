#pragma once
// Settings that outlive the program, in the store.

#include <cstdint>
#include <optional>

namespace blockwatch {

// What was set; none: the default.
struct StoredSettings {
  std::optional<std::uint32_t> retention_days;
  std::optional<std::uint64_t> max_db_size;
  std::optional<std::uint8_t> record;  // the bits of an ActionSet

  bool operator==(const StoredSettings&) const = default;
};

}  // namespace blockwatch
