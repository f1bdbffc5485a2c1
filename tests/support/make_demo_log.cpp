// make_demo_log FILE: writes the log that `demo:FILE` replays.

#include <fstream>

#include "tests/support/demo_log.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::ofstream out(argv[1], std::ios::binary | std::ios::trunc);
  out << blockwatch::demo_log();
  out.close();
  return out ? 0 : 1;
}
