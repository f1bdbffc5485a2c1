#pragma once
// What the questions that count have found out, for when they are asked again: rows never change
// and seqs only rise, so the same question needs to look at the rows since then only. Shared by the
// readers of one store; any thread.

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "storage/count_map.h"
#include "storage/event_store.h"
#include "storage/index_row_internal.h"
#include "storage/short_text.h"

namespace blockwatch {

struct AddressHash {
  std::size_t operator()(const IpAddress& address) const noexcept {
    std::string_view bytes(reinterpret_cast<const char*>(address.bytes.data()), 16);
    return TextHash{}(bytes);
  }
};

// Which values are kept: all, or one part of several when all would take too much memory. Whoever
// sends packets chooses the addresses, and can make millions of them.
struct ValuePart {
  std::uint64_t number = 0;
  std::uint64_t of = 1;
  std::size_t most = SIZE_MAX;  // values

  bool has(std::int64_t value) const {
    return of == 1 || (static_cast<std::uint64_t>(value) * kTextSeed.factor >> 32U) % of == number;
  }
  bool has(const IpAddress& value) const { return of == 1 || AddressHash{}(value) % of == number; }
};
struct TooManyValues {};  // thrown: the part has more than `most`

// Counts by the value a list holds.
struct ValueCounts {
  ValuePart part;
  CountMap numbers;
  std::unordered_map<IpAddress, std::uint64_t, AddressHash> addresses;
  std::uint64_t present = 0;  // of all parts
  std::uint64_t total = 0;    // with the rows that have no value

  void add(std::int64_t value, std::uint64_t n) {
    present += n;
    if (!part.has(value)) return;
    numbers.add(value, n);
    if (numbers.size() > part.most) throw TooManyValues();
  }
  void add(const IpAddress& value, std::uint64_t n) {
    present += n;
    if (!part.has(value)) return;
    addresses[value] += n;
    if (addresses.size() > part.most) throw TooManyValues();
  }
  std::size_t size() const { return numbers.size() + addresses.size(); }
};

// Counts by bucket of time, then by value (timeline.cpp numbers them).
struct BucketCounts {
  std::map<std::int64_t, std::map<std::uint32_t, std::uint64_t>> buckets;
  std::size_t size() const {
    std::size_t n = 0;
    for (const auto& [bucket, values] : buckets) n += 3 + values.size();
    return n;
  }
};

template <class Counts>
struct Counted {
  Counts counts;                      // of the rows with seq in (deleted_through, through]
  std::uint64_t through = 0;          // seq
  std::uint64_t deleted_through = 0;  // seq
};

template <class Counts>
class MemoTable {
 public:
  // `what` tells questions with the same filter apart. Null: not known.
  std::shared_ptr<const Counted<Counts>> find(const Filter& filter, std::int64_t what) {
    std::lock_guard lock(mutex_);
    auto item = place(filter, what);
    if (item == items_.end()) return nullptr;
    items_.splice(items_.begin(), items_, item);
    return items_.front().counted;
  }

  void keep(const Filter& filter, std::int64_t what,
            std::shared_ptr<const Counted<Counts>> counted) {
    std::size_t size = counted->counts.size();
    if (size > kMaxSize / 4) return;
    std::lock_guard lock(mutex_);
    auto item = place(filter, what);
    if (item != items_.end()) remove(item);
    size_ += size;
    items_.push_front({filter, what, size, std::move(counted)});
    while (size_ > kMaxSize || items_.size() > kMaxItems) remove(std::prev(items_.end()));
  }

 private:
  static constexpr std::size_t kMaxItems = 128;
  static constexpr std::size_t kMaxSize = 400'000;  // counts, about 15 MB
  struct Item {
    Filter filter;
    std::int64_t what;
    std::size_t size;
    std::shared_ptr<const Counted<Counts>> counted;
  };
  using Place = typename std::list<Item>::iterator;

  Place place(const Filter& filter, std::int64_t what) {
    auto item = items_.begin();
    while (item != items_.end() && (item->what != what || item->filter != filter)) ++item;
    return item;
  }
  void remove(Place item) {
    size_ -= item->size;
    items_.erase(item);
  }

  std::mutex mutex_;
  std::list<Item> items_;  // guarded by mutex_; the last used first
  std::size_t size_ = 0;   // guarded by mutex_
};

class AnswerMemo {
 public:
  MemoTable<ValueCounts> values;
  MemoTable<BucketCounts> buckets;
};

}  // namespace blockwatch
