#include "server/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

namespace blockwatch {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;  // zlib: 16 asks for the gzip wrapper

// inflate's state, freed with it.
class Inflate {
 public:
  Inflate() { ready_ = inflateInit2(&stream_, kGzipOnly) == Z_OK; }
  ~Inflate() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  bool ready() const { return ready_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

class GunzipReader {
 public:
  GunzipReader(http::BodyReader source, std::uint64_t max_bytes, bool* too_large)
      : source_(std::move(source)), left_(max_bytes), too_large_(too_large) {}

  Result<std::size_t> read(char* buffer, std::size_t size) {
    if (!inflate_.ready()) return make_error(ErrorCode::kUnavailable, "No memory to decompress.");
    const std::size_t room = std::min<std::size_t>(size, std::numeric_limits<uInt>::max());
    z_stream& z = inflate_.stream();
    z.next_out = reinterpret_cast<Bytef*>(buffer);
    z.avail_out = static_cast<uInt>(room);
    while (z.avail_out == room) {
      if (z.avail_in == 0) {
        auto got = source_(input_.data(), input_.size());
        if (!got) return got;
        if (*got == 0) {
          if (between_members_) return std::size_t{0};
          return make_error(ErrorCode::kInvalidArgument, "The gzip body ends too early.");
        }
        z.next_in = reinterpret_cast<Bytef*>(input_.data());
        z.avail_in = static_cast<uInt>(*got);
      }
      if (between_members_ && any_member_) inflateReset(&z);
      between_members_ = false;
      const int state = inflate(&z, Z_NO_FLUSH);
      if (state == Z_STREAM_END) {
        between_members_ = true;
        any_member_ = true;
      } else if (state != Z_OK && state != Z_BUF_ERROR) {
        return make_error(ErrorCode::kInvalidArgument, "The body is not valid gzip.");
      }
    }
    const std::size_t made = room - z.avail_out;
    if (made > left_) {
      *too_large_ = true;
      return make_error(ErrorCode::kInvalidArgument, "The body is too large.");
    }
    left_ -= made;
    return made;
  }

 private:
  http::BodyReader source_;
  std::uint64_t left_;
  bool* too_large_;
  Inflate inflate_;
  std::array<char, std::size_t{64} * 1024> input_;
  bool between_members_ = false;
  bool any_member_ = false;
};

}  // namespace

Result<std::string> gunzip(std::span<const unsigned char> bytes, std::size_t plain_size) {
  std::string plain(plain_size, '\0');
  bool too_large = false;
  std::size_t offset = 0;
  auto source = [&](char* buffer, std::size_t size) -> Result<std::size_t> {
    const std::size_t n = std::min(size, bytes.size() - offset);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), n, buffer);
    offset += n;
    return n;
  };
  auto reader = gunzip_reader(source, plain_size, &too_large);
  std::size_t filled = 0;
  char extra = 0;
  for (;;) {
    const bool full = filled == plain_size;
    auto got = full ? reader(&extra, 1) : reader(plain.data() + filled, plain_size - filled);
    if (!got || (full && *got != 0)) break;
    if (*got == 0 && full) return plain;
    if (*got == 0) break;
    filled += *got;
  }
  return make_error(ErrorCode::kCorrupt, "embedded data does not decompress to its size");
}

http::BodyReader gunzip_reader(http::BodyReader source, std::uint64_t max_bytes, bool* too_large) {
  auto reader = std::make_shared<GunzipReader>(std::move(source), max_bytes, too_large);
  return [reader](char* buffer, std::size_t size) { return reader->read(buffer, size); };
}

}  // namespace blockwatch
