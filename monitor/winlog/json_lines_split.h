#pragma once
// Finds the objects in a stream of JSON: one a line, one after another, or elements of an array.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "monitor/winlog/text_window.h"

namespace blockwatch::winlog {

// Follows braces, brackets and strings only; the text of a record is handed on unparsed, yet never
// nested deeper than kMaxDepth. The records are the top-level objects and the elements of a
// top-level array, of {"events": [...]}, {"records": [...]} and {"Events": {"Event": [...]}} (keys
// without case), so that no array is ever held as a whole.
class JsonSplitter {
 public:
  static constexpr std::size_t kMaxDepth = 64;

  // Both must outlive the splitter.
  JsonSplitter(TextWindow& window, FileReport& report) : window_(window), report_(report) {}

  // The next object; nullopt at the end of the input. Text that cannot be one is noted as damage
  // and passed over up to the next line (in an array: or element). Fails only when the input does.
  Result<std::optional<RecordText>> next();

 private:
  // What came last, as far as it decides what may follow.
  enum class Last : std::uint8_t { kOpen, kComma, kColon, kValue };

  bool scan();
  bool between_records(char c);
  bool in_value(char c);
  bool in_string(char c);
  void open(char c);
  bool close(char c);
  bool may_open() const;
  bool enter_wrapper();
  void broken(const char* what);
  void skip_garbage(const char* what);
  void drop_scanned();
  void finish();

  bool in_record() const { return stack_.size() > base_; }

  TextWindow& window_;
  FileReport& report_;
  std::size_t pos_ = 0;    // in window_.text(): the next character to look at
  std::size_t start_ = 0;  // of the value that pos_ is in
  std::string stack_;      // the open braces and brackets
  std::size_t base_ = 0;   // how many of them are around the records
  Last last_ = Last::kOpen;
  bool string_ = false;
  bool escape_ = false;
  bool key_position_ = false;  // of the string being read or read last
  std::string key_;            // the start of that string
  bool container_ = false;     // in the object of "Events"
  bool skim_ = false;          // in a wrapper object, behind its array
  bool oversize_ = false;      // the value is too long to be kept
  bool garbage_ = false;       // passing over text up to the next record
  bool noted_ = false;         // the text being passed over is in the report already
  bool after_comma_ = false;   // between records: a comma came last
  std::size_t record_end_ = 0;
};

}  // namespace blockwatch::winlog
