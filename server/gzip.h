#pragma once
// Decompression of gzip (RFC 1952). zlib stays behind this header.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "server/http.h"
#include "storage/result.h"

namespace blockwatch {

// The whole at once; kCorrupt unless it gives exactly plain_size bytes.
Result<std::string> gunzip(std::span<const unsigned char> bytes, std::size_t plain_size);

// Hands out the decompressed bytes of `source`: one gzip member after the other, as gzip itself
// does. kInvalidArgument: not gzip, damaged, cut, or more than max_bytes, which also sets
// *too_large. One thread; `too_large` outlives the reader.
http::BodyReader gunzip_reader(http::BodyReader source, std::uint64_t max_bytes, bool* too_large);

}  // namespace blockwatch
