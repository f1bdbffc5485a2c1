#include "monitor/winlog/rendered_xml_record.h"
#include "monitor/winlog/rendered_xml_split.h"
#include "monitor/winlog/text_reader.h"
#include "monitor/winlog/text_record.h"
#include "monitor/winlog/text_start.h"

namespace blockwatch::winlog {

namespace {

Result<void> read_records(TextWindow& window, RecordSink& sink, FileReport& report) {
  XmlSplitter splitter(window, report);
  XmlRecordParser parser;
  TextRecord record;
  for (;;) {
    const auto next = splitter.next();
    if (!next) return tl::unexpected(next.error());
    if (!*next) break;
    record.clear();
    if (const auto wrong = parser.parse_event((*next)->text, record)) {
      report.note((*next)->offset, *wrong);
    } else if (!sink.take(record, (*next)->offset)) {
      return {};
    }
  }
  if (!splitter.saw_events()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "no Windows event in this XML: expected <Event> elements");
  }
  return {};
}

}  // namespace

Result<void> read_rendered_xml(const ReadFn& input, const ReadOptions& options, const EmitFn& emit,
                               FileReport& report) {
  RecordSink sink(options, emit, report);
  const ReadFn reading = sink.reading(input);
  TextWindow window(reading, report);
  const auto empty = check_start(window, EventFormat::kXml);
  if (!empty) return tl::unexpected(empty.error());
  Result<void> result;
  if (!*empty) result = read_records(window, sink, report);
  sink.flush();
  return result;
}

}  // namespace blockwatch::winlog
