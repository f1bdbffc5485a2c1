#pragma once
// Error answers: RFC 9457 application/problem+json with the contract's members.

#include <string>
#include <string_view>
#include <vector>

#include "server/http.h"
#include "storage/result.h"

namespace blockwatch {

// One fault of a request; all of them are answered at once.
struct Fault {
  std::string parameter;  // query parameter, header or body member; empty for the whole
  std::string value;      // as sent, shortened
  std::string expected;   // what would be accepted, with a "did you mean" where one is near
};

struct Problem {
  int status = 500;
  std::string code;    // for machines, stable: "unknown_parameter", "not_found", ...
  std::string detail;  // for people, about this request
  std::string hint;    // what to do; may be empty
  std::vector<Fault> errors;
};

// The answer; `type` is derived from the code and `title` from the status. Adds nothing that the
// caller did not put in: no exception text, no SQL, no path.
http::Response to_response(const Problem& problem);

// A store or reader error as a problem: codes map to statuses; the message of kIo, kCorrupt and
// kInternal goes to the log and not to the client.
Problem to_problem(const Error& error);

}  // namespace blockwatch
