#pragma once
// What the handlers have in common: reading parameters, and the forms of an answer.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/http.h"
#include "server/params.h"
#include "server/problem.h"

namespace blockwatch::handlers {

http::Response json_answer(std::string body, int status = 200);

// With Retry-After for 503.
http::Response problem_answer(const Problem& problem);
http::Response error_answer(const Error& error);

// The parameters, or the answer that names their faults.
tl::expected<ApiQuery, http::Response> read_query(Taker taker, const http::Request& request,
                                                  std::optional<Format> accepted = Format::kJson);

// The first of the media types that an Accept header likes best (RFC 9110, 12.5.1); nullopt: none
// is acceptable. An empty header accepts all.
std::optional<std::size_t> negotiate(std::string_view accept,
                                     std::span<const std::string_view> offered);

http::Response not_acceptable(const http::Request& request,
                              std::span<const std::string_view> offered);

std::string header_or_empty(const http::Request& request, std::string_view name);

}  // namespace blockwatch::handlers
