// The store at a size: rows a second into it, bytes a row, memory, and the time of every kind of
// question - beside bare SQLite programs that put the same rows into the same tables, and into one.
//
//   bench_store [--short] [--json] [--no-bare] [--no-queries] [--only WORDS] [--runs N]
//               [--cpu-time] [--store FILE] [ROWS]
//
// --only: the questions whose names begin so. --runs: how often each kind is asked. --cpu-time:
// what the questions take of the processor, on a busy machine. --store: makes FILE and leaves it
// there, or asks the one that is there.

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "storage/event_store.h"
#include "tests/bench/bare_sqlite.h"
#include "tests/bench/measure.h"
#include "tests/bench/plain_sqlite.h"
#include "tests/bench/store_queries.h"
#include "tests/bench/traffic.h"
#include "tests/support/temp_dir.h"

namespace blockwatch::bench {
namespace {

constexpr std::size_t kBatchEvents = 10'000;
constexpr std::uint64_t kSamples = 2'000;

bool has(const Options& options, std::string_view word) {
  return std::find(options.rest.begin(), options.rest.end(), word) != options.rest.end();
}

std::string text_option(const Options& options, std::string_view name) {
  auto at = std::find(options.rest.begin(), options.rest.end(), name);
  return at == options.rest.end() || at + 1 == options.rest.end() ? std::string() : at[1];
}

std::uint64_t rows_option(const Options& options) {
  std::uint64_t rows = options.is_short ? 50'000 : 1'000'000;
  if (!options.rest.empty() && options.rest.back()[0] != '-') {
    rows = std::strtoull(options.rest.back().c_str(), nullptr, 10);
  }
  return std::max<std::uint64_t>(rows / kBatchEvents, 1) * kBatchEvents;
}

double file_bytes(const std::string& path) {
  return static_cast<double>(std::filesystem::file_size(path));
}

void fill(const std::string& path, std::uint64_t rows, const Lines& lines) {
  auto store = Store::open({path, true});
  if (!store) fail(store.error().message);
  Traffic traffic = Traffic::of_a_month(rows);
  // The rate of the first and of the last million tell whether it falls with the size.
  const std::uint64_t edge =
      std::max<std::uint64_t>(std::min<std::uint64_t>(1'000'000, rows / 4) / kBatchEvents, 1) *
      kBatchEvents;
  double spent = 0, cpu = 0, first = 0, last = 0, early_mb = 0, worst_batch = 0;
  for (std::uint64_t done = 0; done < rows; done += kBatchEvents) {
    const EventBatch batch = traffic.batch(kBatchEvents);
    const auto start = Clock::now();
    const double cpu_start = cpu_seconds();
    const auto result = (*store)->append(batch);
    cpu += cpu_seconds() - cpu_start;
    const double took = seconds_since(start);
    if (!result || result->stored != kBatchEvents) fail("append failed");
    spent += took;
    worst_batch = std::max(worst_batch, took);
    if (done < edge) {
      first += took;
      early_mb = resident_mb();
    }
    if (done >= rows - edge) last += took;
  }
  const double late_mb = resident_mb();
  const auto closing = Clock::now();
  store->reset();
  const double closed = seconds_since(closing);
  const auto n = static_cast<double>(rows);
  const auto edge_rows = static_cast<double>(edge);
  lines.add("insert", {{"rows", n},
                       {"rows_per_s", n / (spent + closed)},
                       {"rows_per_cpu_s", n / cpu},
                       {"first_rows_per_s", edge_rows / first},
                       {"last_rows_per_s", edge_rows / last},
                       {"worst_batch_ms", worst_batch * 1e3},
                       {"close_ms", closed * 1e3}});
  lines.add("memory while inserting", {{"first_mb", early_mb}, {"last_mb", late_mb}});
  lines.add("space", {{"bytes", file_bytes(path)}, {"bytes_per_row", file_bytes(path) / n}});
}

// Some of the stored events, evenly spread.
EventList samples_of(StoreReader& reader) {
  EventList samples;
  const std::uint64_t rows = reader.status()->newest_seq;
  for (std::uint64_t i = 0; i < std::min(rows, kSamples); ++i) {
    const auto found = reader.event(1 + i * rows / std::min(rows, kSamples));
    if (!found) fail(found.error().message);
    samples.events.push_back(copy_event(found->events.front(), samples.text));
  }
  return samples;
}

void run(const Options& options) {
  const std::uint64_t rows = rows_option(options);
  const Lines lines(options.json);
  const TempDir folder;
  const std::string kept = text_option(options, "--store");
  const std::string path = kept.empty() ? folder.path("events.db") : kept;
  if (!std::filesystem::exists(path)) fill(path, rows, lines);
  if (!has(options, "--no-queries")) {
    auto reader = StoreReader::open(path);
    if (!reader) fail(reader.error().message);
    const EventList samples = samples_of(**reader);
    const double before = resident_mb();
    const auto start = Clock::now();
    QueryOptions asked;
    if (options.is_short) asked = {10, 0.2, {}};
    asked.only = text_option(options, "--only");
    asked.cpu_time = has(options, "--cpu-time");
    asked.runs = number_option(options, "--runs", asked.runs);
    time_queries(**reader, path, samples.events, asked, lines);
    lines.add("memory of a reader", {{"before_mb", before},
                                     {"after_mb", resident_mb()},
                                     {"seconds_of_questions", seconds_since(start)}});
  }
  if (!has(options, "--no-bare")) {
    const BareCopy bare = bare_copy(path, folder.path("bare.db"), rows / kBatchEvents);
    const auto n = static_cast<double>(rows);
    lines.add("bare SQLite, the same tables",
              {{"rows_per_s", n / bare.seconds},
               {"rows_per_cpu_s", n / bare.cpu_seconds},
               {"rows_of_all_tables", static_cast<double>(bare.rows)},
               {"tables", static_cast<double>(bare.tables)},
               {"bytes_per_row", file_bytes(folder.path("bare.db")) / n}});
    const double plain = plain_insert(folder.path("plain.db"), rows, kBatchEvents);
    lines.add(
        "bare SQLite, one plain table",
        {{"rows_per_s", n / plain}, {"bytes_per_row", file_bytes(folder.path("plain.db")) / n}});
  }
}

}  // namespace
}  // namespace blockwatch::bench

int main(int argc, char** argv) {
  blockwatch::bench::run(blockwatch::bench::read_options(argc, argv));
  return 0;
}
