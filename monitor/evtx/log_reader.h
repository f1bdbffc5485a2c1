#pragma once
// read() with the choice of path, which tests compare.

#include "monitor/evtx/decoder.h"
#include "monitor/evtx/reader.h"

namespace blockwatch::evtx {

Result<LogPosition> read_log(const ByteSource& bytes, const ReadOptions& options, DecodePath path,
                             const EmitFn& emit, FileReport& report);

}  // namespace blockwatch::evtx
