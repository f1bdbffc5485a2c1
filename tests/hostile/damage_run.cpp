// damage_run STRIDE SEEDS PATH...: reads every EVTX file (of the folders too) cut at each STRIDE-th
// multiple of 512 bytes, and SEEDS times with bits flipped (a share of 0.0001 to 0.05 of them, as
// zzuf does). It ends with 1 when a reading took over two seconds or an event that stands whole
// before the damage was not delivered as from the undamaged file.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "monitor/evtx/reader.h"

namespace {

using namespace blockwatch;

using Bytes = std::vector<char>;

constexpr std::size_t kStep = 512;
constexpr std::size_t kFileHeader = 4096;
constexpr std::size_t kChunk = 65536;
constexpr std::size_t kChunkHeader = 512;
constexpr std::chrono::seconds kPatience{2};

class View final : public evtx::ByteSource {
 public:
  explicit View(std::span<const char> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, void* buffer, std::size_t n) const override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const auto at = static_cast<std::size_t>(offset);
    const std::size_t got = std::min(n, bytes_.size() - at);
    std::memcpy(buffer, bytes_.data() + at, got);
    return got;
  }

 private:
  std::span<const char> bytes_;
};

struct Reading {
  std::vector<std::size_t> events;  // a hash of each
  std::vector<std::uint64_t> record_ids;
  std::uint64_t damaged = 0;
  bool refused = false;
};

std::size_t hash_of(const Event& event) {
  std::size_t hash = event.event_id;
  const auto add = [&hash](std::size_t value) { hash = (hash ^ value) * 0x9e3779b97f4a7c15U; };
  const std::hash<std::string_view> text;
  add(static_cast<std::size_t>(event.time.ticks));
  add(static_cast<std::size_t>(event.record_id.value_or(0)));
  for (const std::string_view value : {event.host, event.channel, event.application}) {
    add(text(value));
  }
  for (const RawField& field : event.raw) {
    add(text(field.name));
    add(text(field.value));
  }
  return hash;
}

Reading read(std::span<const char> bytes) {
  ReadOptions options;
  options.source = "evtx:damaged";
  options.record = kAllActions;
  options.threads = 1;
  Reading reading;
  FileReport report;
  const auto emit = [&reading](EventList&& list) {
    for (const Event& event : list.events) {
      reading.events.push_back(hash_of(event));
      reading.record_ids.push_back(event.record_id.value_or(0));
    }
    return true;
  };
  reading.refused = !evtx::read(View(bytes), options, emit, report);
  reading.damaged = report.damaged;
  return reading;
}

template <class Number>
Number number_at(const Bytes& bytes, std::size_t at) {
  Number number{};
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

// Where each record ends, by its id.
std::map<std::uint64_t, std::size_t> record_ends(const Bytes& bytes) {
  std::map<std::uint64_t, std::size_t> ends;
  for (std::size_t chunk = kFileHeader; chunk + kChunk <= bytes.size(); chunk += kChunk) {
    std::size_t at = chunk + kChunkHeader;
    while (at + 24 < chunk + kChunk && number_at<std::uint32_t>(bytes, at) == 0x2a2a) {
      const auto size = number_at<std::uint32_t>(bytes, at + 4);
      if (size < 28 || size > chunk + kChunk - at) break;
      std::size_t& end = ends[number_at<std::uint64_t>(bytes, at + 8)];
      end = std::max(end, at + size);
      at += size;
    }
  }
  return ends;
}

struct Log {
  std::string name;
  Bytes bytes;
  std::vector<std::size_t> events;  // of the undamaged file
  std::vector<std::size_t> ends;    // where the record of each ends

  // How many events must come whatever is behind `damage`.
  std::size_t whole_before(std::size_t damage) const {
    if (damage < kFileHeader) return 0;
    const auto end = std::ranges::find_if(ends, [damage](std::size_t e) { return e > damage; });
    return static_cast<std::size_t>(end - ends.begin());
  }
};

struct Totals {
  std::atomic<std::uint64_t> prefixes{0};
  std::atomic<std::uint64_t> seeds{0};
  std::atomic<std::uint64_t> events{0};    // that had to come
  std::atomic<std::uint64_t> reported{0};  // readings that told of damage, or refused the file
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::int64_t> worst_us{0};
};

void try_one(const Log& log, std::span<const char> bytes, std::size_t damage, const char* what,
             std::uint64_t number, Totals& totals) {
  std::chrono::steady_clock::duration took{};
  Reading reading;
  // Twice: the first time another program may have had the processor.
  for (int round = 0; round < 2; ++round) {
    const auto start = std::chrono::steady_clock::now();
    reading = read(bytes);
    took = std::chrono::steady_clock::now() - start;
    if (took <= kPatience) break;
  }
  const std::size_t whole = log.whole_before(damage);
  const bool delivered =
      reading.events.size() >= whole &&
      std::equal(log.events.begin(), log.events.begin() + static_cast<std::ptrdiff_t>(whole),
                 reading.events.begin());
  if (took > kPatience || !delivered) {
    ++totals.failed;
    std::printf("FAILED %s, %s %llu: damage at %zu, %zu of %zu events, %.1f s\n", log.name.c_str(),
                what, static_cast<unsigned long long>(number), damage, reading.events.size(), whole,
                std::chrono::duration<double>(took).count());
  }
  totals.events += whole;
  if (reading.refused || reading.damaged > 0) ++totals.reported;
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  std::int64_t worst = totals.worst_us;
  while (us > worst && !totals.worst_us.compare_exchange_weak(worst, us)) {
  }
}

void try_seed(const Log& log, std::uint64_t seed, Totals& totals) {
  std::mt19937_64 random(seed);
  const std::size_t size = log.bytes.size();
  // Half of them leave a beginning as it is: with bits flipped everywhere hardly a header is
  // believed.
  const std::size_t first = random() % 2 == 0 ? 0 : random() % size;
  const double share =
      std::pow(10.0, std::uniform_real_distribution(-4.0, std::log10(0.05))(random));
  const auto flips = 1 + static_cast<std::uint64_t>(share * 8 * static_cast<double>(size - first));
  Bytes bytes = log.bytes;
  std::size_t damage = size;
  for (std::uint64_t i = 0; i < flips; ++i) {
    const std::size_t at = first + random() % (size - first);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    damage = std::min(damage, at);
  }
  try_one(log, bytes, damage, "seed", seed, totals);
  ++totals.seeds;
}

Log load(const std::filesystem::path& path) {
  Log log{.name = path.filename().string(), .bytes = {}, .events = {}, .ends = {}};
  std::ifstream in(path, std::ios::binary);
  log.bytes.assign(std::istreambuf_iterator<char>(in), {});
  const Reading reading = read(log.bytes);
  log.events = reading.events;
  const auto ends = record_ends(log.bytes);
  std::size_t last = 0;
  for (const std::uint64_t id : reading.record_ids) {
    const auto found = ends.find(id);
    last = std::max(last, found == ends.end() ? log.bytes.size() : found->second);
    log.ends.push_back(last);
  }
  return log;
}

void load_all(const std::filesystem::path& path, std::vector<Log>& logs) {
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      load_all(entry.path(), logs);
    }
  } else if (path.extension() == ".evtx" && std::filesystem::file_size(path) > 0) {
    logs.push_back(load(path));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "expected: damage_run STRIDE SEEDS PATH...\n");
    return 2;
  }
  const std::size_t stride = kStep * std::stoul(argv[1]);
  const std::uint64_t seeds = std::stoull(argv[2]);
  std::vector<Log> logs;
  for (int i = 3; i < argc; ++i) load_all(argv[i], logs);
  // Those with events of ours come first: most of the seeds are theirs.
  std::ranges::sort(logs, {},
                    [](const Log& log) { return std::pair(log.events.empty(), log.name); });
  const auto ours = static_cast<std::size_t>(
      std::ranges::count_if(logs, [](const Log& log) { return !log.events.empty(); }));
  if (ours == 0) {
    std::fprintf(stderr, "none of the files has events of ours\n");
    return 2;
  }

  Totals totals;
  std::atomic<std::size_t> next_log{0};
  std::atomic<std::uint64_t> next_seed{0};
  const auto work = [&] {
    for (std::size_t i = next_log++; i < logs.size(); i = next_log++) {
      const Log& log = logs[i];
      // With a stride, each file is cut at other places.
      for (std::size_t at = kStep * i % stride; at < log.bytes.size(); at += stride) {
        try_one(log, std::span(log.bytes).first(at), at, "prefix", at, totals);
        ++totals.prefixes;
      }
    }
    for (std::uint64_t seed = next_seed++; seed < seeds; seed = next_seed++) {
      const std::size_t among = seed % 3 == 0 ? logs.size() : ours;
      try_seed(logs[seed / 3 % among], seed, totals);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = std::max(1U, std::thread::hardware_concurrency()); i > 0; --i) {
      threads.emplace_back(work);
    }
  }
  std::printf(
      "%zu files (%zu with events of ours), %llu prefixes, %llu seeds: %llu events stood before "
      "the damage, %llu readings "
      "told of "
      "it, worst %.0f ms, failed %llu\n",
      logs.size(), ours, static_cast<unsigned long long>(totals.prefixes),
      static_cast<unsigned long long>(totals.seeds), static_cast<unsigned long long>(totals.events),
      static_cast<unsigned long long>(totals.reported), static_cast<double>(totals.worst_us) / 1000,
      static_cast<unsigned long long>(totals.failed));
  return totals.failed == 0 ? 0 : 1;
}
