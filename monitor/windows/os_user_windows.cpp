#include <windows.h>
// After windows.h.
#include <lmcons.h>

#include <array>

#include "monitor/os_user.h"

namespace blockwatch {

std::string os_user() {
  std::array<wchar_t, UNLEN + 1> name{};
  DWORD size = UNLEN + 1;
  if (GetUserNameW(name.data(), &size) == 0) return "unknown";
  std::array<char, std::size_t{4} * (UNLEN + 1)> utf8{};
  WideCharToMultiByte(CP_UTF8, 0, name.data(), -1, utf8.data(), static_cast<int>(utf8.size()),
                      nullptr, nullptr);
  return utf8.data();
}

}  // namespace blockwatch
