#include "server/commands/commands.h"

int main(int argc, char** argv) {
  return blockwatch::run_program(std::vector<std::string>(argv + 1, argv + argc));
}
