#include <cstdlib>
#include <filesystem>

#include "server/config.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? std::string{} : std::string{value};
}

fs::path to_path(const std::string& utf8) { return {std::u8string(utf8.begin(), utf8.end())}; }

std::string to_utf8(const fs::path& path) {
  const auto text = path.u8string();
  return {text.begin(), text.end()};
}

}  // namespace

Result<std::string> data_folder() {
  fs::path folder;
  if (const std::string state = environment("STATE_DIRECTORY"); !state.empty()) {
    folder = to_path(state);
  } else if (const std::string local = environment("LOCALAPPDATA"); !local.empty()) {
    folder = to_path(local) / "Blockwatch";
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
  if (error) {
    return make_error(ErrorCode::kIo, to_utf8(folder) + ": " + error.message());
  }
  return to_utf8(folder);
}

Result<std::string> resolve_db_path(const std::string& db_path) {
  if (!db_path.empty()) return db_path;
  auto folder = data_folder();
  if (!folder) return folder;
  return to_utf8(to_path(*folder) / "blockwatch.db");
}

std::string resolve_token_path(const std::string& token_path, const std::string& db_path) {
  if (!token_path.empty()) return token_path;
  return to_utf8(to_path(db_path).parent_path() / "tokens.json");
}

}  // namespace blockwatch
