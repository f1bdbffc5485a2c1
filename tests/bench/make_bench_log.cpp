// make_bench_log FILE [--megabytes N | --wanted N] [--per-mille N] [--part N] [--days N]: writes a
// log for the benchmarks and tells, as a JSON object, what is in it.

#include <cstdio>

#include "tests/bench/measure.h"
#include "tests/bench/security_log.h"

int main(int argc, char** argv) {
  using namespace blockwatch::bench;
  if (argc < 2)
    fail("make_bench_log FILE [--megabytes N | --wanted N] [--per-mille N] [--part N] [--days N]");
  const Options options = read_options(argc, argv);
  LogSpec spec;
  spec.bytes = number_option(options, "--megabytes", 16) * 1'000'000;
  spec.wanted = number_option(options, "--wanted", 0);
  spec.wanted_per_mille = static_cast<unsigned>(number_option(options, "--per-mille", 3));
  spec.part = number_option(options, "--part", spec.part);
  spec.days = number_option(options, "--days", spec.days);
  const LogMade made = write_security_log(argv[1], spec);
  std::printf("{\"bytes\":%llu,\"records\":%llu,\"wanted\":%llu}\n",
              static_cast<unsigned long long>(made.bytes),
              static_cast<unsigned long long>(made.records),
              static_cast<unsigned long long>(made.wanted));
  return 0;
}
