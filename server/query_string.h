#pragma once
// The query of a request target, decoded strictly.

#include <string_view>
#include <vector>

#include "server/http.h"
#include "server/problem.h"

namespace blockwatch {

struct QueryString {
  http::Parameters parameters;  // in the order sent, names and values decoded
  std::vector<Fault> faults;    // broken percent signs, text that is not UTF-8, too many parameters
};

inline constexpr std::size_t kMaxParameters = 200;

// `target` as sent: all after the first '?' up to a '#'. '+' is a space, as HTML forms write it.
// Empty pieces ("&&") are skipped; a piece without '=' has an empty value.
QueryString parse_query_string(std::string_view target);

// Everything but unreserved characters (RFC 3986, 2.3) becomes %XX.
void append_percent_encoded(std::string& out, std::string_view text);

}  // namespace blockwatch
