#include <pwd.h>
#include <unistd.h>

#include <array>

#include "monitor/os_user.h"

namespace blockwatch {

std::string os_user() {
  const uid_t id = ::getuid();
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwuid_r(id, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(id);
}

}  // namespace blockwatch
