#pragma once
// What the benchmarks share: clocks, percentiles, memory of this process, lines of results.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace blockwatch::bench {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start);
double cpu_seconds();  // of all threads of this process

// Memory of this process in MB; 0 where the system does not tell.
double resident_mb();
double peak_resident_mb();

// Of a set of measurements, in any order. Requires at least one.
struct Spread {
  double min = 0, p50 = 0, p99 = 0, max = 0;
};
Spread spread_of(std::vector<double> values);

struct Figure {
  std::string_view name;
  double value = 0;
};

// Prints a line per result: columns for people, or a JSON object per line for tests/bench/run.
class Lines {
 public:
  explicit Lines(bool json) : json_(json) {}
  // `what` and the names are plain ASCII without quotes.
  void add(std::string_view what, std::initializer_list<Figure> figures) const;
  void add_times(std::string_view what, const Spread& ms, std::size_t runs, double rows) const;

 private:
  bool json_;
};

// Names the program and the reason, and ends with status 1.
[[noreturn]] void fail(std::string_view what);

// The options all programs have in common; anything else is in `rest`.
struct Options {
  bool json = false;
  bool is_short = false;
  std::vector<std::string> rest;
};
Options read_options(int argc, char** argv);

// "--name VALUE" in the rest of the options; the default when it is not there.
std::uint64_t number_option(const Options& options, std::string_view name, std::uint64_t otherwise);

}  // namespace blockwatch::bench
