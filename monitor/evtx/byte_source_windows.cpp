// Files through the C++ library, so that windows.h stays where it belongs. One handle and one lock:
// reads are large, and the decoding between them runs in parallel.

#include <filesystem>
#include <fstream>
#include <mutex>

#include "monitor/evtx/reader.h"

namespace blockwatch::evtx {

namespace {

class StreamFile final : public ByteSource {
 public:
  StreamFile(std::filesystem::path path, std::ifstream in)
      : path_(std::move(path)), in_(std::move(in)) {}

  std::uint64_t size() const override {
    std::error_code error;
    const auto size = std::filesystem::file_size(path_, error);
    return error ? 0 : size;
  }

  Result<std::size_t> read_at(std::uint64_t offset, void* buffer, std::size_t n) const override {
    const std::lock_guard lock(mutex_);
    in_.clear();
    in_.seekg(static_cast<std::streamoff>(offset));
    in_.read(static_cast<char*>(buffer), static_cast<std::streamsize>(n));
    if (in_.bad()) return make_error(ErrorCode::kIo, "cannot read: the device reported an error");
    return static_cast<std::size_t>(in_.gcount());
  }

 private:
  std::filesystem::path path_;
  mutable std::mutex mutex_;
  mutable std::ifstream in_;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> open_file(const std::string& path) {
  const std::u8string utf8(path.begin(), path.end());
  std::filesystem::path native(utf8);
  std::error_code error;
  if (!std::filesystem::exists(native, error))
    return make_error(ErrorCode::kNotFound, "no such file");
  if (!std::filesystem::is_regular_file(native, error))
    return make_error(ErrorCode::kInvalidArgument, "is not a regular file");
  std::ifstream in(native, std::ios::binary);
  if (!in) return make_error(ErrorCode::kPermission, "cannot be opened");
  return std::make_unique<StreamFile>(std::move(native), std::move(in));
}

}  // namespace blockwatch::evtx
