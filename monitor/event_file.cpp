#include "monitor/event_file.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <utility>

#include "monitor/winlog/format.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

// Enough for the magic of EVTX, a byte order mark, and the first element or member of text.
constexpr std::size_t kSniffBytes = 4096;

std::string last_component(const std::string& path) { return to_utf8(to_path(path).filename()); }

// The first bytes of the input: as few as tell its format, because a pipe may pause after them.
Result<std::string> read_start(const winlog::ReadFn& input) {
  std::string text(kSniffBytes, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const auto n = input(std::span(text).subspan(have));
    if (!n) return tl::unexpected(n.error());
    have += *n;
    if (*n == 0 || sniff_format(std::span(text).first(have))) break;
  }
  text.resize(have);
  return text;
}

// `input` with `first_bytes`, which were taken from it, put in front again.
winlog::ReadFn with_prefix(std::string first_bytes, winlog::ReadFn input) {
  return [first = std::move(first_bytes), given = std::size_t{0},
          rest = std::move(input)](std::span<char> buffer) mutable -> Result<std::size_t> {
    if (given == first.size()) return rest(buffer);
    const std::size_t n = std::min(buffer.size(), first.size() - given);
    std::memcpy(buffer.data(), first.data() + given, n);
    given += n;
    return n;
  };
}

// Sequential reading of a file that allows random access.
winlog::ReadFn from_start(const evtx::ByteSource& bytes) {
  return
      [&bytes, offset = std::uint64_t{0}](std::span<char> buffer) mutable -> Result<std::size_t> {
        auto n = bytes.read_at(offset, buffer.data(), buffer.size());
        if (n) offset += *n;
        return n;
      };
}

Result<std::string> copy_to_temporary(const winlog::ReadFn& input) {
  std::random_device random;
  const fs::path path = fs::temp_directory_path() / ("blockwatch-" + std::to_string(random()) +
                                                     std::to_string(random()) + ".evtx");
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  // Event logs are confidential; the copy is for this user only.
  std::error_code ignored;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, ignored);
  std::string buffer(std::size_t{1} << 20, '\0');
  for (;;) {
    const auto n = input(buffer);
    if (!n || (*n > 0 && !out.write(buffer.data(), static_cast<std::streamsize>(*n)))) {
      out.close();
      fs::remove(path, ignored);
      if (!n) return tl::unexpected(n.error());
      return make_error(ErrorCode::kIo, "cannot write a temporary copy of the stream");
    }
    if (*n == 0) break;
  }
  out.close();
  return to_utf8(path);
}

}  // namespace

std::string_view to_word(EventFormat format) noexcept {
  switch (format) {
    case EventFormat::kEvtx:
      return "evtx";
    case EventFormat::kXml:
      return "xml";
    case EventFormat::kJson:
      return "json";
  }
  return {};
}

EventFile::EventFile() = default;
EventFile::EventFile(EventFile&& other) noexcept { *this = std::move(other); }
EventFile& EventFile::operator=(EventFile&& other) noexcept {
  std::swap(format_, other.format_);
  std::swap(source_, other.source_);
  std::swap(size_, other.size_);
  std::swap(bytes_, other.bytes_);
  std::swap(stream_, other.stream_);
  std::swap(temporary_path_, other.temporary_path_);
  return *this;
}

EventFile::~EventFile() {
  bytes_.reset();
  if (temporary_path_.empty()) return;
  std::error_code ignored;
  fs::remove(to_path(temporary_path_), ignored);
}

Result<void> EventFile::recognise(const std::string& first_bytes, const std::string& name) {
  const auto format = sniff_format(first_bytes);
  if (!format) return tl::unexpected(format.error());
  format_ = *format;
  source_ = std::string(format_ == EventFormat::kJson ? "jsonl" : to_word(format_)) + ":" + name;
  return {};
}

Result<EventFile> EventFile::open(const std::string& path, std::string name) {
  if (name.empty()) name = last_component(path);
  std::error_code error;
  const fs::file_status status = fs::status(to_path(path), error);
  if (!fs::exists(status)) return make_error(ErrorCode::kNotFound, "no such file");
  if (fs::is_directory(status)) {
    return make_error(ErrorCode::kIo, "is a folder; expected a file");
  }
  if (!fs::is_regular_file(status)) {
    auto in = std::make_shared<std::ifstream>(to_path(path), std::ios::binary);
    if (!*in) return make_error(ErrorCode::kIo, "cannot be opened");
    return open_stream(
        [in](std::span<char> buffer) -> Result<std::size_t> {
          in->read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
          return static_cast<std::size_t>(in->gcount());
        },
        name);
  }
  auto bytes = evtx::open_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  EventFile file;
  file.bytes_ = std::move(*bytes);
  file.size_ = file.bytes_->size();
  const auto first = read_start(from_start(*file.bytes_));
  if (!first) return tl::unexpected(first.error());
  if (auto known = file.recognise(*first, name); !known) return tl::unexpected(known.error());
  return file;
}

Result<EventFile> EventFile::open_stream(winlog::ReadFn input, const std::string& name) {
  auto first = read_start(input);
  if (!first) return tl::unexpected(first.error());
  EventFile file;
  if (auto known = file.recognise(*first, name); !known) return tl::unexpected(known.error());
  winlog::ReadFn whole = with_prefix(std::move(*first), std::move(input));
  if (file.format_ != EventFormat::kEvtx) {
    file.stream_ = std::move(whole);
    return file;
  }
  auto copy = copy_to_temporary(whole);
  if (!copy) return tl::unexpected(copy.error());
  file.temporary_path_ = std::move(*copy);
  auto bytes = evtx::open_file(file.temporary_path_);
  if (!bytes) return tl::unexpected(bytes.error());
  file.bytes_ = std::move(*bytes);
  file.size_ = file.bytes_->size();
  // Where an open file may be removed, nothing is left even if the program is killed.
  std::error_code in_use;
  if (fs::remove(to_path(file.temporary_path_), in_use)) file.temporary_path_.clear();
  return file;
}

Result<evtx::LogPosition> EventFile::read(ReadOptions options, const EmitFn& emit,
                                          FileReport& report) {
  options.source = source_;
  report.total_bytes = size_;
  if (format_ == EventFormat::kEvtx) return evtx::read(*bytes_, options, emit, report);
  const winlog::ReadFn input = bytes_ ? from_start(*bytes_) : std::move(stream_);
  const auto read_text =
      format_ == EventFormat::kXml ? &winlog::read_rendered_xml : &winlog::read_json;
  if (auto done = read_text(input, options, emit, report); !done) {
    return tl::unexpected(done.error());
  }
  return evtx::LogPosition{};
}

}  // namespace blockwatch
