#include "monitor/evtx/utf16.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace blockwatch::evtx {
namespace {

std::vector<std::uint8_t> bytes_of(const std::u16string& text) {
  std::vector<std::uint8_t> bytes;  // exactly as long as the text: reading further is an error
  for (const char16_t unit : text) {
    bytes.push_back(static_cast<std::uint8_t>(unit));
    bytes.push_back(static_cast<std::uint8_t>(unit >> 8));
  }
  return bytes;
}

template <class Convert>
std::string converted(const std::u16string& text, Convert convert) {
  const std::vector<std::uint8_t> bytes = bytes_of(text);
  std::vector<char> out(kMaxUtf8PerUnit * text.size());
  return {out.data(), convert(bytes.data(), text.size(), out.data())};
}

// Each length, with each unit that is no plain character in each place.
TEST(EvtxUtf16, TheQuickWayMakesTheSameText) {
  for (std::size_t size = 0; size <= 40; ++size) {
    std::u16string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char16_t>(1 + i * 3 % 0x7F);
    EXPECT_EQ(converted(text, ascii_utf16_to_utf8), std::string(text.begin(), text.end()));
    for (const char16_t unit : {u'\0', u'\x7F', u'\x80', u'\x100', u'\x7FFF', u'\x8000', u'\xD83D',
                                u'\xDE00', u'\xFF41', u'\xFFFF'}) {
      for (std::size_t i = 0; i < size; ++i) {
        std::u16string other = text;
        other[i] = unit;
        EXPECT_EQ(converted(other, ascii_utf16_to_utf8), converted(other, utf16_to_utf8))
            << size << " units, " << i;
      }
    }
  }
}

}  // namespace
}  // namespace blockwatch::evtx
