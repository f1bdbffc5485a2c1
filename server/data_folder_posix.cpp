#include <cstdlib>

#include "server/data_folder.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? std::string{} : std::string{value};
}

}  // namespace

Result<fs::path> make_data_folder() {
  fs::path folder;
  if (const std::string state = environment("STATE_DIRECTORY"); !state.empty()) {
    folder = to_path(state);
  } else if (const std::string xdg = environment("XDG_DATA_HOME"); !xdg.empty()) {
    folder = to_path(xdg) / "blockwatch";
  } else if (const std::string home = environment("HOME"); !home.empty()) {
    folder = to_path(home) / ".local" / "share" / "blockwatch";
  } else {
    return make_error(ErrorCode::kInvalidArgument,
                      "no home folder is known: say with --db where the database shall be");
  }
  std::error_code error;
  if (!fs::exists(folder, error)) {
    fs::create_directories(folder, error);
    if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  }
  if (error) return make_error(ErrorCode::kIo, to_utf8(folder) + ": " + error.message());
  return folder;
}

}  // namespace blockwatch
