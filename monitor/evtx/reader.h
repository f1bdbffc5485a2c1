#pragma once
// EVTX files: chunk-wise, checked, only the wanted records decoded. The format is in FORMAT.md.

#include <cstdint>
#include <memory>
#include <string>

#include "monitor/event_reader.h"

namespace blockwatch::evtx {

// Random access to the bytes of a log; a file that grows or is cut meanwhile gives short reads.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // Reads up to n bytes at `offset`; fewer only at the end. Called from several threads.
  virtual Result<std::size_t> read_at(std::uint64_t offset, void* buffer, std::size_t n) const = 0;
};

Result<std::unique_ptr<ByteSource>> open_file(const std::string& path);

struct LogPosition {
  // Of all records read or passed over, wanted or not: lower than after_record_id when the log has
  // been replaced by one that counts anew.
  std::uint64_t newest_record_id = 0;
};

// Reads every chunk that the file holds, whatever the header counts, and emits the wanted records
// in file order, whatever the number of threads. Damage is noted with its offset and skipped. Fails
// when the input is not EVTX (kInvalidArgument) or cannot be read at all (kIo). With
// options.after_record_id, chunks that end before it are not read.
Result<LogPosition> read(const ByteSource& bytes, const ReadOptions& options, const EmitFn& emit,
                         FileReport& report);

}  // namespace blockwatch::evtx
