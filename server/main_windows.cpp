#include "server/commands/commands.h"
#include "storage/file_path.h"

// Wide, because narrow arguments lose what the user's code page does not have.
int wmain(int argc, wchar_t** argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) arguments.push_back(blockwatch::to_utf8(argv[i]));
  return blockwatch::run_program(arguments);
}
