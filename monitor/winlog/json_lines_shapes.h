#pragma once
// The shapes in which collectors write a Windows event as a JSON object.

#include <optional>
#include <string>

#include "monitor/winlog/json_lines_tree.h"
#include "monitor/winlog/rendered_xml_record.h"
#include "monitor/winlog/text_record.h"

namespace blockwatch::winlog {

enum class JsonShape : std::uint8_t {
  kFields,       // the event's data by name
  kMessageOnly,  // an event of ours, but of its data only the localised message
};

// Recognises by their members: the XML's own structure ("Event"/"System"), winlogbeat 7 and Elastic
// ("winlog"), winlogbeat 6 ("event_data"), rendered XML in a string ("RawXml"), Log Analytics
// ("EventData" in a string), and flat records (nxlog and others), of which only the data names
// that Windows' templates have are taken, because the collector's own fields lie between them.
class JsonRecordReader {
 public:
  // Fills `record` from the root of `tree`. An error says what was expected.
  Result<JsonShape> read(const JsonTree& tree, TextRecord& record);

 private:
  XmlRecordParser xml_;
};

}  // namespace blockwatch::winlog
