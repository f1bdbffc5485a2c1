#include "monitor/winlog/text_window.h"

#include <algorithm>

namespace blockwatch::winlog {

namespace {

constexpr std::size_t kReadBytes = std::size_t{128} * 1024;
constexpr std::uint32_t kReplacement = 0xFFFD;

bool is_high_surrogate(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

// The bytes that UTF-16 needs for this UTF-8 text: two for each character, four beyond the BMP.
std::uint64_t utf16_bytes(std::string_view utf8) {
  std::uint64_t bytes = 0;
  for (char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80U) bytes += byte >= 0xF0U ? 4 : 2;
  }
  return bytes;
}

}  // namespace

TextWindow::TextWindow(const ReadFn& input, FileReport& report)
    : input_(input), report_(report), buffer_(kReadBytes) {}

Result<bool> TextWindow::more() {
  if (at_end_) return false;
  auto got = input_(buffer_);
  if (!got) return tl::unexpected(got.error());
  const std::size_t size = std::min(*got, buffer_.size());
  report_.bytes += size;
  at_end_ = size == 0;

  if (begin_ > 0) {
    text_.erase(0, begin_);
    begin_ = 0;
  }
  const std::string_view fresh(buffer_.data(), size);
  if (encoding_ == Encoding::kUtf8) {
    text_.append(fresh);
    return !at_end_;
  }
  pending_.append(fresh);
  if (encoding_ == Encoding::kUndecided) decide_encoding(at_end_);
  if (encoding_ == Encoding::kUtf8) {
    text_.append(pending_);
    pending_.clear();
  } else if (encoding_ != Encoding::kUndecided) {
    decode_utf16(at_end_);
  }
  return !at_end_;
}

void TextWindow::decide_encoding(bool at_end) {
  constexpr std::size_t kLongestMark = 3;
  if (pending_.size() < kLongestMark && !at_end) return;
  std::size_t mark = 0;
  if (pending_.starts_with("\xFF\xFE")) {
    encoding_ = Encoding::kUtf16Little;
    mark = 2;
  } else if (pending_.starts_with("\xFE\xFF")) {
    encoding_ = Encoding::kUtf16Big;
    mark = 2;
  } else {
    encoding_ = Encoding::kUtf8;
    mark = pending_.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  }
  pending_.erase(0, mark);
  offset_ = mark;
}

void TextWindow::decode_utf16(bool at_end) {
  const bool little = encoding_ == Encoding::kUtf16Little;
  const auto unit_at = [&](std::size_t i) {
    const auto a = static_cast<unsigned char>(pending_[i]);
    const auto b = static_cast<unsigned char>(pending_[i + 1]);
    return little ? static_cast<std::uint32_t>(a | b << 8) : static_cast<std::uint32_t>(a << 8 | b);
  };
  std::size_t i = 0;
  while (i + 2 <= pending_.size()) {
    const std::uint32_t unit = unit_at(i);
    if (is_high_surrogate(unit)) {
      if (i + 4 > pending_.size() && !at_end) break;
      const std::uint32_t next = i + 4 <= pending_.size() ? unit_at(i + 2) : 0;
      if (is_low_surrogate(next)) {
        append(0x10000 + ((unit - 0xD800) << 10) + (next - 0xDC00));
        i += 4;
        continue;
      }
    }
    append(is_high_surrogate(unit) || is_low_surrogate(unit) ? kReplacement : unit);
    i += 2;
  }
  pending_.erase(0, i);
  if (at_end && !pending_.empty()) {
    report_.note(report_.bytes - 1, "the input ends in the middle of a UTF-16 character");
    pending_.clear();
  }
}

void TextWindow::append(std::uint32_t c) {
  const auto put = [this](std::uint32_t byte) { text_.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

void TextWindow::drop(std::size_t n) {
  offset_ = offset_of(n);
  begin_ += n;
}

std::uint64_t TextWindow::offset_of(std::size_t position) const {
  const std::string_view before = text().substr(0, position);
  const bool utf16 = encoding_ == Encoding::kUtf16Little || encoding_ == Encoding::kUtf16Big;
  return offset_ + (utf16 ? utf16_bytes(before) : before.size());
}

}  // namespace blockwatch::winlog
