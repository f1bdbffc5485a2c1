// A configuration file: it is taken, or its fault is named. Nothing in between.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>

#include "server/config.h"
#include "tests/support/temp_dir.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blockwatch;
  static const TempDir folder;
  const std::string path =
      folder.write("config.json", std::string_view(reinterpret_cast<const char*>(data), size));
  std::ostringstream out;
  std::ostringstream errors;
  const auto parsed = parse_command_line({"--config", path}, out, errors);
  if (const int* code = std::get_if<int>(&parsed)) {
    if (*code != 0 && errors.str().empty()) std::abort();
    return 0;
  }
  const auto* config = std::get_if<ServeConfig>(&std::get<CommandConfig>(parsed));
  if (config == nullptr || config->listen_port < 0 || config->listen_port > 65'535) std::abort();
  return 0;
}
