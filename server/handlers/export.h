#pragma once
// From a request's parameters to the questions of the store, and exports of every match.

#include "server/api_context.h"
#include "server/http.h"
#include "server/params.h"

namespace blockwatch::handlers {

PageQuery page_query(const ApiQuery& query);
TailQuery tail_query(const ApiQuery& query, std::uint64_t after, std::uint32_t limit);
PageToken page_token(const ApiQuery& query, const PageCursor& cursor);

// NDJSON or CSV of every match (at most query.limit, if given) that exists when it begins. Memory
// is one page; a reader of the store is held for one page at a time.
http::Response export_answer(ApiContext& context, ApiQuery query);

}  // namespace blockwatch::handlers
