#include "server/data_folder.h"

#include "server/config.h"
#include "storage/file_path.h"

namespace blockwatch {

Result<std::string> resolve_db_path(const std::string& db_path) {
  if (!db_path.empty()) return db_path;
  const auto folder = make_data_folder();
  if (!folder) return tl::unexpected(folder.error());
  return to_utf8(*folder / "blockwatch.db");
}

std::string resolve_token_path(const std::string& token_path, const std::string& db_path) {
  if (!token_path.empty()) return token_path;
  return to_utf8(to_path(db_path).parent_path() / "tokens.json");
}

}  // namespace blockwatch
