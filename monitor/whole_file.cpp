#include "monitor/whole_file.h"

#include <utility>

#include "monitor/event_file.h"

namespace blockwatch {

Result<FilePosition> read_whole_file(const std::string& path, const FileState& state,
                                     ActionSet record, const PositionFn& position_of,
                                     const BatchFn& emit, std::stop_token stop) {
  auto file = EventFile::open(path);
  if (!file) return tl::unexpected(file.error());
  const auto stored = position_of(file->source());
  if (!stored) return tl::unexpected(stored.error());
  const auto position = parse_file_position(*stored);
  if (position && position->path == path && position->state == state) return *position;

  ReadOptions options;
  options.record = record;
  options.stop = stop;
  FileReport file_report;
  const auto hand_on = [&](EventList&& list) {
    return emit(EventBatch{.source = file->source(), .list = std::move(list)});
  };
  const auto done = file->read(options, hand_on, file_report);
  FilePosition end{.state = state, .path = path};
  if (stop.stop_requested()) return end;
  if (!done) return tl::unexpected(done.error());
  if (file_report.damaged == 0) end.record_id = done->newest_record_id;
  emit(EventBatch{
      .source = file->source(), .position = to_text(end), .damaged = file_report.damaged});
  return end;
}

}  // namespace blockwatch
