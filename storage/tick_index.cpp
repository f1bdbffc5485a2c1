#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>

#include "storage/tick_index_internal.h"

namespace blockwatch {
namespace {

constexpr std::size_t kFew = 16;
// Ticks are remembered so that a crowded one is not read again for each of its events; forgetting
// them costs time only.
constexpr std::size_t kMaxTicks = 4096;
constexpr std::size_t kMaxKnown = 1'500'000;
constexpr std::uint64_t kByContent = std::uint64_t{1} << 63;  // in Identity::b

void put(std::string& out, std::uint64_t value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

void put(std::string& out, std::string_view text) {
  put(out, text.size());
  out.append(text);
}

void put_folded(std::string& out, std::string_view text) {
  put(out, text.size());
  for (char c : text) out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
}

template <class T>
void put(std::string& out, const std::optional<T>& value) {
  out.push_back(value ? '\1' : '\0');
  if (value) put(out, static_cast<std::uint64_t>(*value));
}

void put(std::string& out, const std::optional<IpAddress>& address) {
  out.push_back(address ? '\1' : '\0');
  if (address) {
    out.append(reinterpret_cast<const char*>(address->bytes.data()), address->bytes.size());
  }
}

std::uint64_t mix(std::uint64_t hash) {
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdU;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53U;
  return hash ^ hash >> 33;
}

std::uint64_t hash_of(std::string_view bytes, std::uint64_t seed, std::uint64_t factor) {
  std::uint64_t hash = seed;
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    std::size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    hash = mix(hash ^ word) * (factor | 1U) + size;
    bytes.remove_prefix(size);
  }
  return mix(hash);
}

}  // namespace

bool TickIndex::Tick::insert(const Identity& id) {
  if (!many.empty()) return many.insert(id).second;
  if (std::find(few.begin(), few.end(), id) != few.end()) return false;
  few.push_back(id);
  if (few.size() > kFew) {
    many.insert(few.begin(), few.end());
    few.clear();
  }
  return true;
}

TickIndex::TickIndex(SqlConnection& connection, const Interner& interner)
    : connection_(connection), interner_(interner), dictionary_(connection) {
  // Hashes of contents never leave this object; unpredictable seeds keep a crafted record from
  // passing for another one.
  std::random_device random;
  for (auto& seed : seeds_) seed = std::uint64_t{random()} << 32 | random();
  SqlStatement newest(connection.handle(), "SELECT max(key) FROM event");
  if (newest.step() && !newest.is_null(0)) newest_key_ = newest.integer(0);
  max_borrow_ = connection.query_integer("SELECT max_borrow FROM state");
}

std::optional<TickIndex::Place> TickIndex::place(const Event& event, std::uint32_t identity_class) {
  std::int64_t ticks = event.time.ticks;
  Identity id = identity_of(event, identity_class);
  if (ticks > tick_of(newest_key_)) {
    if (newest_.size() > kFew) {
      known_ += newest_.size();
      ticks_.insert_or_assign(newest_tick_, std::move(newest_));
    }
    newest_ = Tick{};
    newest_.insert(id);
    newest_tick_ = ticks;
    newest_key_ = first_key_of(ticks);
    newest_.next_key = newest_key_ + 1;
    return Place{newest_key_, 0};
  }
  Tick& tick = ticks == newest_tick_ ? newest_ : load(ticks);
  if (!tick.insert(id)) return std::nullopt;
  if (&tick != &newest_) ++known_;
  std::int64_t key = free_key(tick.next_key);
  tick.next_key = key + 1;
  newest_key_ = std::max(newest_key_, key);
  Place place{key, tick_of(key) - ticks};
  max_borrow_ = std::max(max_borrow_, place.borrowed);
  return place;
}

TickIndex::Tick& TickIndex::load(std::int64_t ticks) {
  auto known = ticks_.find(ticks);
  if (known != ticks_.end()) return known->second;
  if (ticks_.size() >= kMaxTicks || known_ >= kMaxKnown) {
    ticks_.clear();
    known_ = 0;
  }
  Tick tick;
  tick.next_key = first_key_of(ticks);
  auto rows = connection_.use(std::string("SELECT ") + kRowColumns +
                              ", e.raw FROM event e WHERE e.key BETWEEN ? AND ? ORDER BY e.key");
  rows->bind(1, first_key_of(ticks));
  rows->bind(2, last_key_of(ticks));
  std::int64_t last = 0;
  auto take = [&] {
    last = rows->integer(0);
    if (tick_of(last) - rows->integer(11) != ticks) return;
    tick.next_key = last + 1;
    auto shape = static_cast<std::uint32_t>(rows->integer(2));
    if (!rows->is_null(3)) {
      Event with_record;
      with_record.record_id = static_cast<std::uint64_t>(rows->integer(3));
      tick.insert(identity_of(with_record, interner_.identity_class_of(shape)));
      return;
    }
    dictionary_.refresh();
    EventList list;
    RowReader reader(connection_, dictionary_, list, true);
    tick.insert(identity_of(reader.read(*rows), 0));
  };
  while (rows->step()) take();
  // Events of this tick go on in the following ones only once it is full. Retention may have
  // deleted what filled it: then nothing of its own is left in it, for the oldest went first.
  if (max_borrow_ > 0 && (last == last_key_of(ticks) || tick.size() == 0)) {
    rows->reset();
    rows->bind(1, first_key_of(ticks + 1));
    rows->bind(2, last_key_of(ticks + max_borrow_));
    while (rows->step()) take();
  }
  known_ += tick.size();
  return ticks_.emplace(ticks, std::move(tick)).first->second;
}

std::int64_t TickIndex::free_key(std::int64_t from) {
  // Behind every row of its tick, so that within a tick the order of keys is that of seq.
  for (std::int64_t key = from;;) {
    if (key > newest_key_) return key;
    auto row = connection_.use("SELECT max(key) FROM event WHERE key BETWEEN ? AND ?");
    row->bind(1, key);
    row->bind(2, last_key_of(tick_of(key)));
    if (!row->step() || row->is_null(0)) return key;
    key = row->integer(0) + 1;
  }
}

TickIndex::Identity TickIndex::identity_of(const Event& event, std::uint32_t identity_class) {
  if (event.record_id) return {*event.record_id, identity_class};
  std::string& out = content_;
  out.clear();
  put_folded(out, event.host);
  put_folded(out, event.channel);
  put(out, std::uint64_t{event.event_id} << 8 | event.event_version);
  put(out, event.direction);
  put(out, event.protocol);
  put(out, event.local_address);
  put(out, event.remote_address);
  put(out, event.local_port);
  put(out, event.remote_port);
  put(out, event.icmp_type);
  put(out, event.icmp_code);
  put(out, event.process_id);
  put(out, event.application);
  put(out, event.user);
  put(out, event.filter_id);
  put(out, event.filter_name);
  put(out, event.filter_origin);
  put(out, event.layer_id);
  put(out, event.layer);
  put(out, event.interface_index);
  put(out, static_cast<std::uint64_t>(event.reason));
  for (const RawField& field : event.raw) {
    put(out, field.name);
    put(out, field.value);
  }
  return {hash_of(out, seeds_[0], seeds_[1]), hash_of(out, seeds_[2], seeds_[3]) | kByContent};
}

}  // namespace blockwatch
