#pragma once
// The files that are built into the program: the contract and the page that shows it. They are
// gathered and packed by openapi/CMakeLists.txt; the target is blockwatch_embedded.

#include <cstddef>
#include <span>
#include <string_view>

namespace blockwatch {

// Everything in it lives as long as the program.
struct EmbeddedFile {
  std::string_view path;          // of the URL, as "/docs/init.js"; each once
  std::string_view content_type;  // complete, with charset where it is text
  std::string_view etag;          // weak (one for both encodings), with its quotes: W/"1f0c..."
  std::span<const unsigned char> gzip;  // the content, packed (RFC 1952)
  std::size_t plain_size = 0;           // bytes after unpacking; below 8 MiB
};

// "/openapi.yaml", "/openapi.json", "/docs" and the files below "/docs/". Any thread.
std::span<const EmbeddedFile> embedded_files() noexcept;

}  // namespace blockwatch
