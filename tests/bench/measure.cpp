#include "tests/bench/measure.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

namespace blockwatch::bench {
namespace {

double status_mb(std::string_view key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.compare(0, key.size(), key) == 0) {
      return std::strtod(line.c_str() + key.size(), nullptr) / 1024;
    }
  }
  return 0;
}

}  // namespace

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double resident_mb() { return status_mb("VmRSS:"); }
double peak_resident_mb() { return status_mb("VmHWM:"); }

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values[values.size() * 99 / 100],
          values.back()};
}

void Lines::add(std::string_view what, std::initializer_list<Figure> figures) const {
  if (json_) {
    std::printf("{\"line\":\"%.*s\"", static_cast<int>(what.size()), what.data());
    for (const Figure& f : figures) {
      std::printf(",\"%.*s\":%.10g", static_cast<int>(f.name.size()), f.name.data(), f.value);
    }
    std::printf("}\n");
  } else {
    std::printf("%-44.*s", static_cast<int>(what.size()), what.data());
    for (const Figure& f : figures) {
      const bool whole =
          f.value >= 1000 || f.value == static_cast<double>(static_cast<std::int64_t>(f.value));
      std::printf("  %.*s %.*f", static_cast<int>(f.name.size()), f.name.data(), whole ? 0 : 3,
                  f.value);
    }
    std::printf("\n");
  }
  std::fflush(stdout);  // who reads along sees each line when it is measured
}

void Lines::add_times(std::string_view what, const Spread& ms, std::size_t runs,
                      double rows) const {
  add(what, {{"p50_ms", ms.p50},
             {"p99_ms", ms.p99},
             {"max_ms", ms.max},
             {"runs", static_cast<double>(runs)},
             {"rows", rows}});
}

void fail(std::string_view what) {
  std::fprintf(stderr, "benchmark: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--json") {
      options.json = true;
    } else if (word == "--short") {
      options.is_short = true;
    } else {
      options.rest.emplace_back(word);
    }
  }
  return options;
}

std::uint64_t number_option(const Options& options, std::string_view name,
                            std::uint64_t otherwise) {
  const auto at = std::find(options.rest.begin(), options.rest.end(), name);
  if (at == options.rest.end()) return otherwise;
  if (at + 1 == options.rest.end()) fail(std::string(name) + " needs a number");
  return std::strtoull((at + 1)->c_str(), nullptr, 10);
}

}  // namespace blockwatch::bench
