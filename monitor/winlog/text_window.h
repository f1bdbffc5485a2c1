#pragma once
// The unread part of a text input, as UTF-8, whatever its encoding.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/winlog/text_reader.h"

namespace blockwatch::winlog {

// One record as a splitter found it.
struct RecordText {
  std::string_view text;     // lives until the next call of the splitter
  std::uint64_t offset = 0;  // of its first character in the input, in bytes
};

// Turns what a ReadFn delivers into UTF-8 and knows where in the input each character was. A byte
// order mark decides between UTF-8 and UTF-16; it is not part of the text. UTF-8 is passed on
// unchecked; an unpaired UTF-16 surrogate becomes U+FFFD.
class TextWindow {
 public:
  // Both must outlive the window. Keeps report.bytes at the number of bytes read.
  TextWindow(const ReadFn& input, FileReport& report);

  // Changed by more() and drop() only.
  std::string_view text() const { return std::string_view(text_).substr(begin_); }

  // One call to the input; the text may stay as it is (half a character). False at the end.
  Result<bool> more();

  // The first n bytes of text() are done with.
  void drop(std::size_t n);

  // Where text()[position] was in the input, in bytes. Position may be text().size().
  std::uint64_t offset_of(std::size_t position) const;

 private:
  enum class Encoding : std::uint8_t { kUndecided, kUtf8, kUtf16Little, kUtf16Big };

  void decide_encoding(bool at_end);
  void decode_utf16(bool at_end);
  void append(std::uint32_t code_point);

  const ReadFn& input_;
  FileReport& report_;
  Encoding encoding_ = Encoding::kUndecided;
  std::string text_;          // UTF-8
  std::size_t begin_ = 0;     // of the unread text in text_
  std::uint64_t offset_ = 0;  // of text_[begin_] in the input
  std::string pending_;       // bytes not decoded yet
  std::vector<char> buffer_;
  bool at_end_ = false;
};

}  // namespace blockwatch::winlog
