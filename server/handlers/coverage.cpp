#include <algorithm>

#include "server/coverage_json.h"
#include "server/handlers/answers.h"
#include "server/handlers/handlers.h"

namespace blockwatch::handlers {

http::Response coverage(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kCoverage, request);
  if (!query) return std::move(query.error());
  auto reader = context.readers.borrow();
  if (!reader) return error_answer(reader.error());
  const auto known = (*reader)->coverage({.since = query->filter.since,
                                          .until = query->filter.until,
                                          .limit = query->limit.value_or(kMaxPageSize)});
  if (!known) return error_answer(known.error());
  // The change of the policy itself loses nothing; what was off in between is another fact.
  const bool complete = std::ranges::all_of(known->facts, [](const CoverageFact& fact) {
    return fact.kind == CoverageKind::kAuditChanged;
  });
  std::string body = "{\"complete\":";
  body += complete && !known->more ? "true" : "false";
  body += ",\"facts\":[";
  for (const CoverageFact& fact : known->facts) {
    if (&fact != &known->facts.front()) body += ',';
    append_json(body, fact);
  }
  body += known->more ? "],\"more\":true}" : "],\"more\":false}";
  return json_answer(std::move(body));
}

}  // namespace blockwatch::handlers
