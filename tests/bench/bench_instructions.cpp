// bench_instructions FOLDER scan-mixed|scan-flood|insert|page [TIMES]: a fixed piece of work, the
// same in every run, for counting its instructions (instructions_test.py). Everything that only
// prepares the work is left out of the count where valgrind's header is there when this is built;
// elsewhere the count of twice the work less that of the work tells.

#include <cstdio>
#include <cstring>
#include <memory>

#include "monitor/evtx/reader.h"
#include "storage/event_store.h"
#include "tests/bench/measure.h"
#include "tests/bench/security_log.h"
#include "tests/bench/traffic.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#define BLOCKWATCH_COUNT_BEGIN CALLGRIND_START_INSTRUMENTATION
#define BLOCKWATCH_COUNT_END CALLGRIND_STOP_INSTRUMENTATION
constexpr bool kCountsOnlyWork = true;
#else
#define BLOCKWATCH_COUNT_BEGIN
#define BLOCKWATCH_COUNT_END
constexpr bool kCountsOnlyWork = false;
#endif

namespace blockwatch::bench {
namespace {

constexpr std::size_t kInserted = 20'000;
constexpr std::size_t kBatch = 2'000;
constexpr int kPages = 200;

void scan(const std::string& folder, unsigned wanted_per_mille, std::uint64_t bytes,
          unsigned times) {
  const std::string path = folder + "/log.evtx";
  const LogMade made =
      write_security_log(path, {.bytes = bytes, .wanted_per_mille = wanted_per_mille});
  const auto file = evtx::open_file(path);
  if (!file) fail(file.error().message);
  for (unsigned i = 0; i < times; ++i) {
    ReadOptions options;
    options.source = "evtx:bench";
    options.threads = 1;
    FileReport report;
    BLOCKWATCH_COUNT_BEGIN;
    const auto done = evtx::read(
        **file, options, [](EventList&&) { return true; }, report);
    BLOCKWATCH_COUNT_END;
    if (!done || report.records != made.records || report.wanted != made.wanted) fail("scan");
  }
}

void fill(Store& store, Traffic& traffic, bool counted) {
  for (std::size_t done = 0; done < kInserted; done += kBatch) {
    const EventBatch batch = traffic.batch(kBatch);
    if (counted) BLOCKWATCH_COUNT_BEGIN;
    const auto result = store.append(batch);
    if (counted) BLOCKWATCH_COUNT_END;
    if (!result || result->stored != kBatch) fail("append");
  }
}

std::unique_ptr<Store> new_store(const std::string& path) {
  auto store = Store::open({path, true});
  if (!store) fail(store.error().message);
  return std::move(*store);
}

void insert(const std::string& folder, unsigned times) {
  for (unsigned i = 0; i < times; ++i) {
    const auto store = new_store(folder + "/insert" + std::to_string(i) + ".db");
    Traffic traffic = Traffic::of_a_month(kInserted);
    fill(*store, traffic, true);
  }
}

void ask(StoreReader& reader, int n) {
  PageQuery query;
  const auto number = static_cast<std::uint64_t>(n);
  switch (n % 5) {
    case 0:
      break;
    case 1:
      query.filter.direction.any = {Direction::kInbound};
      break;
    case 2:
      query.filter.application_name.any = {"app" + std::to_string(n % 20) + ".exe"};
      break;
    case 3:
      query.filter.remote_port.any = {{443, 443}};
      break;
    default:
      query.filter.event_id.any = {{5157, 5157}};
      query.filter.until =
          Timestamp{17'000'000'000'000'000 + static_cast<std::int64_t>(number) * 100'000'000'000};
  }
  if (!reader.page(query)) fail("page");
}

void pages(const std::string& folder, unsigned times) {
  const std::string path = folder + "/page.db";
  const auto store = new_store(path);
  Traffic traffic = Traffic::of_a_month(kInserted);
  fill(*store, traffic, false);
  auto reader = StoreReader::open(path);
  if (!reader) fail(reader.error().message);
  for (int n = 0; n < 5; ++n) ask(**reader, n);  // what is prepared once
  BLOCKWATCH_COUNT_BEGIN;
  for (unsigned i = 0; i < times; ++i) {
    for (int n = 0; n < kPages; ++n) ask(**reader, n);
  }
  BLOCKWATCH_COUNT_END;
}

}  // namespace
}  // namespace blockwatch::bench

int main(int argc, char** argv) {
  using namespace blockwatch::bench;
  if (argc < 3) fail("bench_instructions FOLDER scan-mixed|scan-flood|insert|page [TIMES]");
  const std::string folder = argv[1];
  const std::string work = argv[2];
  const unsigned times = argc > 3 ? static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)) : 1;
  if (work == "scan-mixed") {
    scan(folder, 3, 8'000'000, times);
  } else if (work == "scan-flood") {
    scan(folder, 900, 2'000'000, times);
  } else if (work == "insert") {
    insert(folder, times);
  } else if (work == "page") {
    pages(folder, times);
  } else {
    fail("unknown work " + work);
  }
  std::printf("counts_only_work %d\n", kCountsOnlyWork ? 1 : 0);
  return 0;
}
