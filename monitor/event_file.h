#pragma once
// Any event file behind one door: finds out what it is and reads it with the reader that fits.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "monitor/event_reader.h"
#include "monitor/evtx/reader.h"
#include "monitor/winlog/text_reader.h"

namespace blockwatch {

// One input, opened and recognised. Movable; one thread.
class EventFile {
 public:
  // `path` is UTF-8. A path that is not a regular file (a pipe) is read once, from start to end;
  // EVTX needs random access, so an EVTX stream is first copied to a temporary file that lives as
  // long as this object. `name` becomes the part of the source after the colon; empty: the path's
  // last component. Errors do not name the path: the caller does, where it may be shown. kNotFound,
  // kPermission, kIo; kInvalidArgument and kUnsupported when it is no event file or one of a kind
  // that is refused.
  static Result<EventFile> open(const std::string& path, std::string name = {});

  // The same for bytes that come from `input`, for example standard input.
  static Result<EventFile> open_stream(winlog::ReadFn input, const std::string& name);

  EventFormat format() const { return format_; }
  const std::string& source() const { return source_; }  // "evtx:NAME", "xml:NAME", "jsonl:NAME"
  std::uint64_t size() const { return size_; }           // bytes; 0 when unknown (a stream)

  // Reads the whole input. options.source is replaced by source(). The position is that of EVTX
  // logs and empty for text. A stream can be read once.
  Result<evtx::LogPosition> read(ReadOptions options, const EmitFn& emit, FileReport& report);

  EventFile(EventFile&&) noexcept;
  EventFile& operator=(EventFile&&) noexcept;
  ~EventFile();

 private:
  EventFile();
  Result<void> recognise(const std::string& first_bytes, const std::string& name);

  EventFormat format_ = EventFormat::kEvtx;
  std::string source_;
  std::uint64_t size_ = 0;
  std::unique_ptr<evtx::ByteSource> bytes_;  // random access: EVTX, and text in regular files
  winlog::ReadFn stream_;                    // text that is no regular file
  std::string temporary_path_;               // removed at the end; empty: none
};

std::string_view to_word(EventFormat format) noexcept;  // "evtx", "xml", "json"

}  // namespace blockwatch
