#include <algorithm>
#include <array>
#include <utility>

#include "server/handlers/answers.h"
#include "server/handlers/handlers.h"

namespace blockwatch::handlers {
namespace {

// RFC 9110, 12.5.3: a coding is acceptable when named with a quality above 0.
bool accepts_gzip(const http::Request& request) {
  constexpr std::array<std::string_view, 1> kGzip{"gzip"};
  std::string header = header_or_empty(request, "Accept-Encoding");
  return !header.empty() && negotiate(header, kGzip).has_value();
}

// RFC 9110, 13.1.2: a list of tags, or '*'; weak comparison.
bool has_version(const http::Request& request, std::string_view etag) {
  std::string header = header_or_empty(request, "If-None-Match");
  if (header == "*") return true;
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  std::string_view rest = header;
  while (!rest.empty()) {
    std::size_t comma = rest.find(',');
    std::string_view tag = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    while (tag.starts_with(' ')) tag.remove_prefix(1);
    while (tag.ends_with(' ')) tag.remove_suffix(1);
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == etag) return true;
  }
  return false;
}

}  // namespace

http::Response get_file(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  auto file = std::ranges::find(context.files, request.path, &EmbeddedFile::path);
  if (file == context.files.end()) {
    return error_answer({ErrorCode::kNotFound, "There is no such file."});
  }
  http::Response response;
  response.content_type = file->content_type;
  response.set("ETag", std::string(file->etag));
  response.set("Vary", "Accept-Encoding");
  if (has_version(request, file->etag)) {
    response.status = 304;
  } else if (accepts_gzip(request)) {
    response.set("Content-Encoding", "gzip");
    // Bytes are bytes.
    response.shared_body = {reinterpret_cast<const char*>(file->gzip.data()), file->gzip.size()};
  } else {
    const auto plain = context.plain_files->text_of(*file);
    if (!plain) return error_answer(plain.error());
    response.shared_body = *plain;
  }
  return response;
}

http::Response get_root(ApiContext& /*context*/, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  http::Response response;
  response.status = 307;
  response.content_type.clear();
  response.set("Location", "/docs");
  return response;
}

}  // namespace blockwatch::handlers
