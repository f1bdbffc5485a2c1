// The JSON body of a change, in pieces: refused with 400, or an object that can be written again
// and whose every fault is fit to be answered.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "server/handlers/audit.h"
#include "server/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blockwatch;
  using namespace blockwatch::handlers;
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0];
  std::string_view left(reinterpret_cast<const char*>(data) + 1, size - 1);
  http::Request request;
  request.body = [&](char* buffer, std::size_t room) -> Result<std::size_t> {
    const std::size_t n = std::min({piece, room, left.size()});
    std::memcpy(buffer, left.data(), n);
    left.remove_prefix(n);
    return n;
  };
  const auto body = read_json_body(request);
  if (!body) {
    if (body.error().status != 400 || !is_utf8(body.error().body)) std::abort();
    return 0;
  }
  if (!body->is_object() || !is_utf8(body->dump())) std::abort();
  BodyMembers members(*body);
  AuditRequest wanted;
  members.take_text("preset", "a name");
  members.take_bool("success");
  take_revert_after(members, wanted);
  const auto faults = members.end();
  if (faults.size() > kMaxFaults + 3) std::abort();
  for (const Fault& fault : faults) {
    if (!is_utf8(fault.parameter) || !is_utf8(fault.value) || fault.expected.empty()) std::abort();
  }
  return 0;
}
