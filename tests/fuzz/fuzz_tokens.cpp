// A token file from anywhere, and what a client shows as its token (behind the first NUL): the file
// is refused or every entry of it is whole, and nothing but its own token opens an entry.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "server/access.h"
#include "server/tokens.h"
#include "storage/sha256.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace blockwatch;

// The name under which the file knows it.
std::string id_of(std::string_view token) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string id;
  const auto digest = sha256(token);
  for (const unsigned char byte : digest.value()) {
    id.push_back(kHex[byte >> 4U]);
    id.push_back(kHex[byte & 15U]);
  }
  return id.substr(0, 12);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TempDir folder;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\0');
  const std::string shown(end == std::string_view::npos ? std::string_view{}
                                                        : text.substr(end + 1));
  const std::filesystem::path path = folder.write("tokens.json", text.substr(0, end));
  using std::filesystem::perms;
  std::filesystem::permissions(path, perms::owner_read | perms::owner_write);
  const auto store = TokenStore::open(path);
  if (!store) {
    if (store.error().message.empty()) std::abort();
    return 0;
  }
  const auto list = (*store)->list();
  if (!list) std::abort();
  for (const TokenInfo& info : *list) {
    if (info.name.empty() || info.id.size() != 12) std::abort();
  }
  const auto found = (*store)->find(shown);
  if (found && (!looks_like_token(shown) || found->id != id_of(shown))) std::abort();

  Sessions sessions;
  const Access access({{}, true}, **store, sessions);
  AccessRequest request;
  request.path = "/api/v1/status";
  request.peer = "127.0.0.1";
  request.authorization = {shown};
  if (access.check_token(request, Permission::kAdmin) && list->empty()) std::abort();
  return 0;
}
