// scan_file [--threads N] [--json] FILE: what the monitor does with a log up to the store - every
// check, every wanted event in full - as a program of its own, to be timed beside other readers.

#include "monitor/evtx/reader.h"
#include "tests/bench/measure.h"

int main(int argc, char** argv) {
  using namespace blockwatch;
  const bench::Options options = bench::read_options(argc, argv);
  if (options.rest.empty()) bench::fail("scan_file [--threads N] [--json] FILE");
  const auto file = evtx::open_file(options.rest.back());
  if (!file) bench::fail(file.error().message);
  ReadOptions read;
  read.source = "evtx:bench";
  read.threads = static_cast<unsigned>(bench::number_option(options, "--threads", 1));
  FileReport report;
  std::uint64_t emitted = 0;
  const auto start = bench::Clock::now();
  const auto done = evtx::read(
      **file, read,
      [&emitted](EventList&& list) {
        emitted += list.events.size();
        return true;
      },
      report);
  if (!done) bench::fail(done.error().message);
  if (emitted != report.wanted) bench::fail("not all wanted events were emitted");
  bench::Lines(options.json)
      .add("scan", {{"seconds", bench::seconds_since(start)},
                    {"bytes", static_cast<double>(report.bytes)},
                    {"records", static_cast<double>(report.records)},
                    {"wanted", static_cast<double>(report.wanted)},
                    {"damaged", static_cast<double>(report.damaged)}});
  return 0;
}
