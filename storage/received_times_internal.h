#pragma once
// When the commit of a row was received. The rows of a page are often of few commits, and so are
// those of the next page: the commits found last are kept.

#include <cstdint>
#include <vector>

#include "storage/sqlite_internal.h"
#include "storage/timestamp.h"

namespace blockwatch {

class ReceivedTimes {
 public:
  explicit ReceivedTimes(SqlConnection& connection) : connection_(connection) {}
  ReceivedTimes(const ReceivedTimes&) = delete;
  ReceivedTimes& operator=(const ReceivedTimes&) = delete;

  Timestamp of(std::uint64_t seq);

 private:
  static constexpr std::size_t kMaxKnown = 4096;
  struct Commit {
    std::uint64_t first = 0;
    std::uint64_t last = 0;  // of the rows known to be its own
    Timestamp received;
  };

  SqlConnection& connection_;
  std::vector<Commit> known_;  // by first seq; commits never change
};

}  // namespace blockwatch
