#pragma once
// One <Event> element, as Windows renders it, to named fields.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "monitor/winlog/text_record.h"

namespace blockwatch::winlog {

// Holds the text of the record it parsed last. Any markup but the five named and the numeric
// character references is left as it is: nothing is ever expanded or fetched.
class XmlRecordParser {
 public:
  XmlRecordParser();
  ~XmlRecordParser();
  XmlRecordParser(const XmlRecordParser&) = delete;
  XmlRecordParser& operator=(const XmlRecordParser&) = delete;

  // Fills `record` from <Event>. Returns what is wrong with it, nullopt when nothing is.
  std::optional<std::string> parse_event(std::string_view xml, TextRecord& record);

  // Adds the fields of an <EventData> element alone, as Log Analytics keeps it.
  std::optional<std::string> parse_event_data(std::string_view xml, TextRecord& record);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch::winlog
