#pragma once
// Writes JSON values fast: into a buffer of its own that is appended to the text when it is full.

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace blockwatch {

// What was written is in the text once the pen is gone.
class JsonPen {
 public:
  explicit JsonPen(std::string& out) : out_(out) {}
  ~JsonPen() { flush(); }
  JsonPen(const JsonPen&) = delete;
  JsonPen& operator=(const JsonPen&) = delete;

  void put(char c) {
    make_room(1);
    *next_++ = c;
  }

  // Text that is JSON already.
  void put(std::string_view text) {
    while (text.size() > kBytes) {
      flush();
      out_.append(text.substr(0, kBytes));
      text.remove_prefix(kBytes);
    }
    make_room(text.size());
    std::memcpy(next_, text.data(), text.size());
    next_ += text.size();
  }

  // Such text with quotes around it; at most kFormattedBytes together.
  void put_quoted(std::string_view text) {
    make_room(kFormattedBytes);
    *next_++ = '"';
    std::memcpy(next_, text.data(), text.size());
    next_ += text.size();
    *next_++ = '"';
  }

  void put_null() {
    make_room(kNull.size());
    std::memcpy(next_, kNull.data(), kNull.size());
    next_ += kNull.size();
  }

  // JSON of N bytes of which `size` count: a copy of fixed length needs no call.
  template <std::size_t N>
  void put_padded(const std::array<char, N>& text, std::size_t size) {
    make_room(N);
    std::memcpy(next_, text.data(), N);
    next_ += size;
  }

  template <class Int>
  void put_number(Int value) {
    make_room(kNumberBytes);
    next_ = std::to_chars(next_, next_ + kNumberBytes, value).ptr;
  }

  // What `format` writes and returns the end of, at most kFormattedBytes.
  template <class Format>
  void put_formatted(Format format) {
    make_room(kFormattedBytes);
    next_ = format(next_);
  }

  // A JSON string; each byte that is not UTF-8 becomes U+FFFD.
  void put_string(std::string_view text);

  static constexpr std::size_t kFormattedBytes = 48;

 private:
  static constexpr std::size_t kBytes = 2048;
  static constexpr std::size_t kNumberBytes = 24;
  static constexpr std::string_view kNull = "null";

  void make_room(std::size_t bytes) {
    if (static_cast<std::size_t>(buffer_.data() + kBytes - next_) < bytes) flush();
  }
  void flush();
  // Writes what stands for the control character or the first bytes, which are not ASCII, and
  // returns how many they are.
  std::size_t put_special(std::string_view text);

  std::string& out_;
  std::array<char, kBytes> buffer_;  // only what is before next_ has a value
  char* next_ = buffer_.data();
};

}  // namespace blockwatch
