#include <windows.h>

#include "server/commands/commands.h"
#include "storage/file_path.h"

// Wide, because narrow arguments lose what the user's code page does not have.
int wmain(int argc, wchar_t** argv) {
  // A DLL is looked for in Windows' own folder and nowhere else, also one that a DLL asks for.
  ::SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32);
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) arguments.push_back(blockwatch::to_utf8(argv[i]));
  return blockwatch::run_program(arguments);
}
