// What comes as Host and Origin: let in are our own names and those configured, and nothing else.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "server/access.h"
#include "storage/words.h"

namespace {

using blockwatch::equal_ignoring_case;

bool is_ours(std::string_view authority) {
  static const std::vector<std::string_view> names{
      "localhost:8470", "127.0.0.1:8470", "[::1]:8470", "desk.lan", "desk.lan:8470", "far.lan:99"};
  return std::ranges::any_of(names,
                             [&](auto name) { return equal_ignoring_case(authority, name); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blockwatch;
  static const auto tokens = TokenStore::open("/nonexistent/tokens");
  static Sessions sessions;
  static const Access access({{"desk.lan", "far.lan:99"}, false}, **tokens, sessions);
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  AccessRequest request;
  request.path = "/api/v1/status";
  request.peer = "127.0.0.1";
  request.port = 8470;
  request.host = {text};
  if (!access.check_host(request) && !is_ours(text)) std::abort();
  request.host = {text, text};
  if (!access.check_host(request)) std::abort();
  request.origin = {text};
  constexpr std::string_view kScheme = "http://";
  const bool own_page =
      text.starts_with(kScheme) && is_ours(text.substr(std::min(kScheme.size(), size)));
  if (!access.check_origin(request, Permission::kRead) && !own_page) std::abort();
  request.origin = {"http://localhost:8470", text};
  if (!access.check_origin(request, Permission::kRead)) std::abort();
  request.origin = {};
  request.sec_fetch_site = {text};
  if (!access.check_origin(request, Permission::kRead) && text != "same-origin" && text != "none") {
    std::abort();
  }
  return 0;
}
