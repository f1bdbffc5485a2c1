#include "server/json_pen.h"

#include <cstdint>

#include "server/utf8.h"

namespace blockwatch {
namespace {

// What a character is written as: itself (0), a backslash and this, or in a longer form (kLong).
constexpr char kLong = 1;
constexpr auto kEscapes = [] {
  std::array<char, 256> table{};
  for (unsigned c = 0; c < 0x20; ++c) table[c] = kLong;
  for (unsigned c = 0x80; c < 0x100; ++c) table[c] = kLong;
  table['"'] = '"';
  table['\\'] = '\\';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  return table;
}();

constexpr std::size_t kWord = sizeof(std::uint64_t);

constexpr std::uint64_t in_each_byte(std::uint64_t byte) { return byte * 0x0101010101010101U; }

// Eight characters that stand for themselves. The subtractions set a byte's high bit when the byte
// was below 0x20, or zero after the comparison; a borrow only comes from a byte that was so itself.
bool all_plain(std::uint64_t word) {
  const std::uint64_t quote = word ^ in_each_byte('"');
  const std::uint64_t backslash = word ^ in_each_byte('\\');
  const std::uint64_t found = word | (word - in_each_byte(0x20)) | (quote - in_each_byte(1)) |
                              (backslash - in_each_byte(1));
  return (found & in_each_byte(0x80)) == 0;
}

}  // namespace

void JsonPen::flush() {
  out_.append(buffer_.data(), static_cast<std::size_t>(next_ - buffer_.data()));
  next_ = buffer_.data();
}

void JsonPen::put_string(std::string_view text) {
  put('"');
  while (!text.empty()) {
    make_room(2 * kWord);
    if (text.size() >= kWord) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data(), kWord);
      if (all_plain(word)) {
        std::memcpy(next_, &word, kWord);
        next_ += kWord;
        text.remove_prefix(kWord);
        continue;
      }
    }
    const std::size_t most = text.size() < kWord ? text.size() : kWord;
    std::size_t used = 0;
    char* at = next_;
    for (; used < most; ++used) {
      const char escape = kEscapes[static_cast<unsigned char>(text[used])];
      if (escape == kLong) break;
      *at = '\\';
      at += escape != 0 ? 1 : 0;
      *at++ = escape != 0 ? escape : text[used];
    }
    next_ = at;
    text.remove_prefix(used);
    if (used < most) text.remove_prefix(put_special(text));
  }
  put('"');
}

std::size_t JsonPen::put_special(std::string_view text) {
  const auto c = static_cast<unsigned char>(text.front());
  if (c < 0x20) {
    constexpr std::string_view kHex = "0123456789abcdef";
    put("\\u00");
    put(kHex[c >> 4U]);
    put(kHex[c & 15U]);
    return 1;
  }
  const std::size_t length = utf8_sequence(text);
  put(length == 0 ? kReplacement : text.substr(0, length));
  return length == 0 ? 1 : length;
}

}  // namespace blockwatch
