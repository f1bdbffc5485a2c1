#include <windows.h>

#include <array>

#include "server/host_name.h"
#include "storage/file_path.h"

namespace blockwatch {

std::string host_name() {
  std::array<wchar_t, 256> text{};
  auto size = static_cast<DWORD>(text.size());
  const bool known = ::GetComputerNameExW(ComputerNameDnsHostname, text.data(), &size) != 0;
  return known ? to_utf8(text.data()) : std::string();
}

}  // namespace blockwatch
