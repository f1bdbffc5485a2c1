// Appends batches until it is killed: crash_child DATABASE. Goes on after the stored position.

#include <cstdlib>

#include "tests/storage/store_test_support.h"

int main(int argc, char** argv) {
  using namespace blockwatch;
  if (argc != 2) return 2;
  auto store = value_of(Store::open({argv[1]}));
  std::uint64_t next = 1;
  {
    std::string position = value_of(value_of(StoreReader::open(argv[1]))->position("evtx:a"));
    if (!position.empty()) next = std::strtoull(position.c_str(), nullptr, 10) + 1;
  }
  for (;; next += 100) {
    value_of(store->append(records(next, next + 99, std::to_string(next + 99))));
  }
}
