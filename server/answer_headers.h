#pragma once
// Headers that every answer carries.

#include <string>
#include <string_view>

#include "server/http.h"
#include "storage/timestamp.h"

namespace blockwatch {

// Adds the security headers, Date, and `Cache-Control: no-store` where the answer is not for
// keeping: the API, health and errors, unless the handler said otherwise. Headers with control
// characters, which would begin a new header, are dropped and logged. `path` is the request's,
// decoded; empty when the head could not be read.
void add_answer_headers(http::Response& response, std::string_view path, Timestamp now);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7).
std::string to_http_date(Timestamp time);

}  // namespace blockwatch
