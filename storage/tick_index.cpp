#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>

#include "storage/row_internal.h"
#include "storage/tick_index_internal.h"
#include "storage/words.h"

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
  for (char c : text) out.push_back(ascii_lower(c));
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

TickIndex::TickIndex(SqlConnection& connection, const Interner& interner, RunIndex& runs,
                     const std::vector<IndexRow>& pending)
    : connection_(connection), interner_(interner), runs_(runs), dictionary_(connection) {
  // Hashes of contents never leave this object; unpredictable seeds keep a crafted record from
  // passing for another one.
  std::random_device random;
  for (auto& seed : seeds_) seed = std::uint64_t{random()} << 32 | random();
  for (const Run& run : runs.runs()) newest_ = std::max(newest_, run.max_time);
  for (const IndexRow& row : pending) {
    auto id = identity_at(row.seq);
    if (id) late_.emplace(row.time, *id);
    newest_ = std::max(newest_, row.time);
  }
}

bool TickIndex::add(const Event& event, std::uint32_t identity_class) {
  std::int64_t ticks = event.time.ticks;
  Identity id = identity_of(event, identity_class);
  if (ticks > newest_) {
    newest_ = ticks;
    recent_.emplace_back(ticks, id);
    return true;
  }
  if (!load(ticks).insert(id)) return false;
  ++known_;
  late_.emplace(ticks, id);
  return true;
}

void TickIndex::indexed() {
  recent_.clear();
  late_.clear();
}

void TickIndex::forget_runs() {
  ticks_.clear();
  known_ = 0;
}

TickIndex::Tick& TickIndex::load(std::int64_t ticks) {
  auto known = ticks_.find(ticks);
  if (known != ticks_.end()) return known->second;
  if (ticks_.size() >= kMaxTicks || known_ >= kMaxKnown) forget_runs();
  Tick tick;
  for (const Run& run : runs_.runs()) {
    PositionSpan span = runs_.at_time(run, ticks);
    runs_.seqs(run, span, [&](std::uint32_t, std::uint64_t seq) {
      if (auto id = identity_at(seq)) tick.insert(*id);
    });
  }
  auto first = std::lower_bound(recent_.begin(), recent_.end(), ticks,
                                [](const auto& entry, std::int64_t t) { return entry.first < t; });
  for (; first != recent_.end() && first->first == ticks; ++first) tick.insert(first->second);
  auto [from, to] = late_.equal_range(ticks);
  for (; from != to; ++from) tick.insert(from->second);
  known_ += tick.size();
  return ticks_.emplace(ticks, std::move(tick)).first->second;
}

std::optional<TickIndex::Identity> TickIndex::identity_at(std::uint64_t seq) {
  auto row = connection_.use("SELECT shape, record_id FROM event WHERE seq = ?");
  row->bind(1, static_cast<std::int64_t>(seq));
  if (!row->step()) return std::nullopt;
  if (!row->is_null(1)) {
    return Identity{static_cast<std::uint64_t>(row->integer(1)),
                    interner_.identity_class_of(row->integer(0))};
  }
  dictionary_.refresh();
  EventList list;
  ReceivedTimes received(connection_);
  RowReader reader(received, dictionary_, list, true);
  auto whole = connection_.use(std::string("SELECT ") + kRowColumns +
                               ", e.raw FROM event e WHERE e.seq = ?");
  whole->bind(1, static_cast<std::int64_t>(seq));
  if (!whole->step()) return std::nullopt;
  Event event;
  reader.read(*whole, event);
  return identity_of(event, 0);
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
