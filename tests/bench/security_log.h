#pragma once
// Writes logs for the benchmarks: the traffic of traffic.h as event 5152 and 5157 records of
// Windows 10 and 11, among logons and process starts.

#include <cstdint>
#include <string>

namespace blockwatch::bench {

struct LogSpec {
  std::uint64_t bytes = 0;        // about this long: whole chunks; or
  std::uint64_t wanted = 0;       // as many blocks and drops
  unsigned wanted_per_mille = 3;  // of all records
  std::uint64_t part = 0;         // another part of the same log: other records, later times
  std::uint64_t days = 30;        // that the part covers
};

struct LogMade {
  std::uint64_t bytes = 0, records = 0, wanted = 0;
};

// Every record is another one, so that all wanted ones are stored. Fails as fail().
LogMade write_security_log(const std::string& path, const LogSpec& spec);

}  // namespace blockwatch::bench
