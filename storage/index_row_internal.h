#pragma once
// What of an event can be searched: the fields that runs keep lists for, as numbers.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "storage/ip_address.h"

namespace blockwatch {

// Numbers are part of the file format. kTime and kOrder are kept by position, the others by value.
enum class IndexField : std::uint8_t {
  kTime = 0,
  kOrder = 1,  // seq - first_seq by position; only of runs whose order of time is not that of seq
  kShape = 2,
  kApplication = 3,
  kProcessId = 4,
  kFilterId = 5,
  kRecordId = 6,
  kLocalPort = 7,
  kRemotePort = 8,
  kLocalAddress = 9,  // IPv4, as a number
  kRemoteAddress = 10,
  kLocalAddress6 = 11,  // the other addresses, as 16 bytes
  kRemoteAddress6 = 12,
};

inline constexpr std::array kNumberFields{
    IndexField::kShape,      IndexField::kApplication,  IndexField::kProcessId,
    IndexField::kFilterId,   IndexField::kRecordId,     IndexField::kLocalPort,
    IndexField::kRemotePort, IndexField::kLocalAddress, IndexField::kRemoteAddress};
inline constexpr std::array kAddressFields{IndexField::kLocalAddress6, IndexField::kRemoteAddress6};

// 64-bit unsigned ids are the same bits, signed, as in SQLite.
struct IndexRow {
  std::int64_t time = 0;
  std::uint64_t seq = 0;
  std::array<std::int64_t, kNumberFields.size()> numbers{};
  std::array<IpAddress, kAddressFields.size()> addresses{};
  std::uint16_t present = 0;  // by field

  bool has(IndexField field) const { return (present >> static_cast<unsigned>(field) & 1U) != 0; }
  std::int64_t number(IndexField field) const { return numbers[place(field)]; }
  const IpAddress& address(IndexField field) const {
    return addresses[static_cast<std::size_t>(field) -
                     static_cast<std::size_t>(IndexField::kLocalAddress6)];
  }
  void set(IndexField field, std::int64_t number) {
    numbers[place(field)] = number;
    mark(field);
  }
  void set_local(const IpAddress& a) {
    set(IndexField::kLocalAddress, IndexField::kLocalAddress6, a);
  }
  void set_remote(const IpAddress& a) {
    set(IndexField::kRemoteAddress, IndexField::kRemoteAddress6, a);
  }

 private:
  static std::size_t place(IndexField field) {
    return static_cast<std::size_t>(field) - static_cast<std::size_t>(IndexField::kShape);
  }
  void mark(IndexField field) {
    present = static_cast<std::uint16_t>(present | 1U << static_cast<unsigned>(field));
  }
  void set(IndexField v4, IndexField v6, const IpAddress& a) {
    if (a.is_v4()) return set(v4, a.v4_value());
    addresses[static_cast<std::size_t>(v6) - static_cast<std::size_t>(IndexField::kLocalAddress6)] =
        a;
    mark(v6);
  }
};

// By time, ties by seq: the order of pages, and of positions in a run.
inline bool comes_before(const IndexRow& x, const IndexRow& y) {
  return x.time != y.time ? x.time < y.time : x.seq < y.seq;
}

}  // namespace blockwatch
