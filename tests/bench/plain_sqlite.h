#pragma once
// A yardstick that does not depend on how the store arranges its tables.

#include <cstdint>
#include <string>

namespace blockwatch::bench {

// Seconds to insert `rows` events of a month's traffic into one table of a new file as a careful
// user would: a row per event, applications by number, addresses as bytes, indexes for time and for
// application, remote port and direction with time; prepared statements, WAL, synchronous=NORMAL,
// transactions of `transaction_rows`. No raw values, no look for duplicates, no counts. Making the
// events is not counted.
double plain_insert(const std::string& path, std::uint64_t rows, std::size_t transaction_rows);

}  // namespace blockwatch::bench
