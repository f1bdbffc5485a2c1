#include <fcntl.h>
#include <io.h>
#include <windows.h>

#include <cstdio>
#include <initializer_list>

#include "server/terminal.h"

namespace blockwatch {
namespace {

// _isatty() takes NUL for one.
bool is_console(DWORD which, DWORD* mode) {
  return ::GetConsoleMode(::GetStdHandle(which), mode) != 0;
}

}  // namespace

void prepare_output() {
  // Without this every line end of a CSV or JSON export would become two bytes.
  ::_setmode(::_fileno(stdout), _O_BINARY);
  ::_setmode(::_fileno(stderr), _O_BINARY);
  for (const DWORD which : {STD_OUTPUT_HANDLE, STD_ERROR_HANDLE}) {
    DWORD mode = 0;
    if (!is_console(which, &mode)) continue;
    ::SetConsoleOutputCP(CP_UTF8);
    // Windows 10 does not see to escape sequences by itself.
    ::SetConsoleMode(::GetStdHandle(which),
                     mode | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
  }
}

bool stdout_is_terminal() {
  DWORD mode = 0;
  return is_console(STD_OUTPUT_HANDLE, &mode);
}

bool stderr_is_terminal() {
  DWORD mode = 0;
  return is_console(STD_ERROR_HANDLE, &mode);
}

}  // namespace blockwatch
