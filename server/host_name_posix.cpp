#include <unistd.h>

#include <array>

#include "server/host_name.h"

namespace blockwatch {

std::string host_name() {
  std::array<char, 256> text{};
  return ::gethostname(text.data(), text.size() - 1) == 0 ? text.data() : std::string();
}

}  // namespace blockwatch
