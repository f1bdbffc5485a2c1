// Heads of HTTP requests as a hostile client may send them, and the checks on their values.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/access.h"
#include "server/admission.h"
#include "server/request_head.h"
#include "storage/words.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blockwatch;
  static Sessions sessions;
  static const auto tokens = TokenStore::open("/nonexistent/tokens");
  static const Access access({{"desk.lan"}, false}, **tokens, sessions);
  static const Router router({
      {"GET", "/", "page", Permission::kNothing, {}},
      {"GET", "/a/{id}", "one", Permission::kRead, {}},
      {"POST", "/a", "make", Permission::kAdmin, {}, {100, {"application/json"}, {"gzip"}}},
  });
  const std::string text(data, data + size);
  HeadScanner scanner;
  // In two pieces: where the bytes are cut must not matter.
  HeadScanner::State state = scanner.scan(std::string_view(text).substr(0, size / 2));
  if (state == HeadScanner::State::kMore) state = scanner.scan(text);
  if (state != HeadScanner::State::kComplete) return 0;
  const auto head = parse_request_head(std::string_view(text).substr(0, scanner.head_bytes()));
  if (!head) return 0;
  for (const auto& [name, value] : head->headers) {
    if ((name + value).find_first_of(std::string("\r\n\0", 3)) != std::string::npos) std::abort();
  }
  const Admission admission = admit(*head, router, access, "127.0.0.1", {}, {.port = 8470});
  const bool foreign = head->all("Host") != std::vector<std::string_view>{"localhost:8470"};
  if (admission.route == nullptr && !admission.answer) std::abort();
  if (admission.route != nullptr && head->first("Transfer-Encoding")) std::abort();
  if (admission.route != nullptr && foreign) {
    // Every other name that is taken.
    const std::string host(head->first("Host").value_or(""));
    const auto is = [&](std::string_view name) { return equal_ignoring_case(host, name); };
    if (!is("localhost:8470") && !is("127.0.0.1:8470") && !is("[::1]:8470") && !is("desk.lan") &&
        !is("desk.lan:8470")) {
      std::abort();
    }
  }
  return 0;
}
