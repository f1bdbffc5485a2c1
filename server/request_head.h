#pragma once
// The head of an HTTP/1.1 request (RFC 9112), parsed strictly: what two parsers could understand
// differently is refused, so that nothing can hide in it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http.h"
#include "server/problem.h"

namespace blockwatch {

inline constexpr std::size_t kMaxHeadBytes = std::size_t{32} * 1024;
inline constexpr std::size_t kMaxHeaders = 100;
inline constexpr std::size_t kMaxTargetBytes = std::size_t{8} * 1024;
inline constexpr std::size_t kMaxPathBytes = 256;

struct RequestHead {
  std::string method;
  std::string target;      // as sent
  std::string path;        // decoded, without the query
  http::Parameters query;  // decoded, or as sent where it cannot be decoded
  std::vector<std::pair<std::string, std::string>> headers;  // in the order sent
  std::optional<std::uint64_t> content_length;
  bool keep_alive = true;         // the client's wish (HTTP/1.0: none without its header)
  bool expects_continue = false;  // waits for 100 before it sends the body
  bool is_http_1_0 = false;

  // All values of a header, in the order sent; any case.
  std::vector<std::string_view> all(std::string_view name) const;
  std::optional<std::string_view> first(std::string_view name) const;
};

// Finds the end of a head in bytes that arrive piece by piece, and its limits.
class HeadScanner {
 public:
  enum class State : std::uint8_t { kMore, kComplete, kFault };

  // Looks at the bytes that came since the last call; `text` is all that came since the head began.
  State scan(std::string_view text);
  std::size_t head_bytes() const { return scanned_; }  // with its empty line, once kComplete
  const Problem& fault() const { return fault_; }

 private:
  State fail(int status, std::string code, std::string detail);

  std::size_t scanned_ = 0;
  std::size_t line_begin_ = 0;
  std::size_t lines_ = 0;
  Problem fault_;
};

// `text` ends with the empty line. The fault's status is one of 400, 405, 411, 414, 416,
// 417 and 505.
tl::expected<RequestHead, Problem> parse_request_head(std::string_view text);

}  // namespace blockwatch
