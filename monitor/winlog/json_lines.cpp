#include "monitor/winlog/json_lines_shapes.h"
#include "monitor/winlog/json_lines_split.h"
#include "monitor/winlog/json_lines_tree.h"
#include "monitor/winlog/text_reader.h"
#include "monitor/winlog/text_record.h"
#include "monitor/winlog/text_start.h"

namespace blockwatch::winlog {

namespace {

constexpr const char* kMessageOnly =
    "the event carries only its localised message, which cannot be read reliably; have the "
    "collector "
    "write the event's data fields or its XML";

Result<void> read_records(TextWindow& window, RecordSink& sink, bool live, FileReport& report) {
  JsonSplitter splitter(window, report);
  JsonTree tree;
  JsonRecordReader reader;
  TextRecord record;
  bool message_only = false;
  for (;;) {
    const auto next = splitter.next();
    if (!next) return tl::unexpected(next.error());
    if (!*next) break;
    const std::uint64_t offset = (*next)->offset;
    if (const auto wrong = tree.parse((*next)->text)) {
      report.note(offset, *wrong);
      continue;
    }
    record.clear();
    const auto shape = reader.read(tree, record);
    if (!shape) {
      report.note(offset, shape.error().message);
    } else if (*shape == JsonShape::kMessageOnly) {
      report.note(offset, kMessageOnly);
      message_only = true;
    } else if (!sink.take(record, offset)) {
      return {};
    }
  }
  // A file of such records only is refused as a whole; one among others is damage.
  if (message_only && report.wanted == 0 && !live) {
    return make_error(ErrorCode::kUnsupported, kMessageOnly);
  }
  return {};
}

}  // namespace

Result<void> read_json(const ReadFn& input, const ReadOptions& options, const EmitFn& emit,
                       FileReport& report) {
  RecordSink sink(options, emit, report);
  const ReadFn reading = sink.reading(input);
  TextWindow window(reading, report);
  const auto empty = check_start(window, EventFormat::kJson);
  if (!empty) return tl::unexpected(empty.error());
  Result<void> result;
  if (!*empty) result = read_records(window, sink, options.live, report);
  sink.flush();
  return result;
}

}  // namespace blockwatch::winlog
