#pragma once
// Finds <Event>...</Event> elements in a stream of XML, with or without a root element.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "monitor/winlog/text_window.h"

namespace blockwatch::winlog {

// Knows just enough XML for this: tags, quoted attributes, comments, CDATA, instructions. Record
// text between one <Event> and its end tag is handed on unparsed.
class XmlSplitter {
 public:
  // Both must outlive the splitter.
  XmlSplitter(TextWindow& window, FileReport& report) : window_(window), report_(report) {}

  // The next record; nullopt at the end of the input. Elements without an end, or longer than
  // kMaxRecordBytes, are noted as damage. Fails only when the input does.
  Result<std::optional<RecordText>> next();

  // Was there an <Event> or <Events> tag at all?
  bool saw_events() const { return saw_events_; }

 private:
  struct Markup;

  static Markup read_markup(std::string_view text);
  bool on_markup(const Markup& markup, std::size_t at);
  void abandon(std::size_t from, std::size_t resume, const char* what);
  void finish();
  void limit_size();

  TextWindow& window_;
  FileReport& report_;
  std::size_t pos_ = 0;                      // in window_.text(): all before it has been looked at
  std::optional<std::size_t> start_;         // of the record that pos_ is in
  std::optional<std::size_t> nested_start_;  // of an <Event> inside a record, just seen
  unsigned depth_ = 0;                       // of <Event> elements
  std::size_t record_end_ = 0;
  bool saw_events_ = false;
};

}  // namespace blockwatch::winlog
