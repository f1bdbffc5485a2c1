#pragma once
// THE table of routes.

#include <vector>

#include "server/api_context.h"
#include "server/routes.h"

namespace blockwatch {

// In the order of the contract. `context` outlives the routes.
std::vector<Route> make_routes(ApiContext& context);

// Of an imported body, as sent and after decompression.
inline constexpr std::uint64_t kMaxImportBytes = std::uint64_t{4} << 30U;

// Of a change in JSON.
inline constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{64} << 10U;

}  // namespace blockwatch
