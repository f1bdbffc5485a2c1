// A request target from a client, for every taker of parameters: it ends, every fault is fit to be
// answered, and a question without faults stays the same when its token is used.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/params.h"
#include "server/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blockwatch;
  if (size == 0) return 0;
  const auto taker = static_cast<Taker>(data[0] % 12);
  const std::string target = "/?" + std::string(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Timestamp now{17'500'000'000'000'000};
  const ParsedQuery parsed = parse_target(taker, target, now);
  if (parsed.faults.size() > kMaxFaults) std::abort();
  for (const Fault& fault : parsed.faults) {
    if (!is_utf8(fault.value) || fault.expected.empty()) std::abort();
  }
  const ApiQuery& query = parsed.query;
  if (!parsed.faults.empty() || taker != Taker::kQueryCommand || query.page) return 0;

  PageToken token;
  token.fingerprint = fingerprint(query.filter, query.asked, query.order);
  if (query.asked.since_back) token.since = query.filter.since;
  if (query.asked.until_back) token.until = query.filter.until;
  if (target.find('#') != std::string::npos) return 0;
  const ParsedQuery next = parse_target(taker, target + "&next=" + encode_page_token(token),
                                        Timestamp{now.ticks + 1'000'000'000});
  // Only the bound on the number of parameters can come in between.
  if (next.faults.empty() && !(next.query.filter == query.filter)) std::abort();
  return 0;
}
