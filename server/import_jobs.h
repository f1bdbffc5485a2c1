#pragma once
// Imports that were sent over HTTP: each is a job that can be asked for until the program stops.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "monitor/file_report.h"
#include "server/http.h"
#include "storage/result.h"
#include "storage/timestamp.h"

namespace blockwatch {

enum class ImportState : std::uint8_t { kQueued, kRunning, kDone, kFailed };

// What an import found, as `blockwatchd import` prints it for a file.
struct ImportReport {
  std::string source;  // the events' source: "evtx:NAME", "xml:NAME" or "jsonl:NAME"
  std::string format;  // "evtx", "xml", "json"; empty until it is known
  FileReport file;     // offsets are those of the uncompressed input
  std::uint64_t stored = 0;
  std::uint64_t duplicate = 0;
  double seconds = 0;  // of reading and storing, without the upload
};

struct ImportJob {
  std::string id;
  ImportState state = ImportState::kQueued;
  Timestamp created;
  std::optional<Timestamp> finished;   // in kDone and kFailed
  std::uint64_t sent_bytes = 0;        // of the body, as sent
  std::optional<ImportReport> report;  // as far as it has come; none before the first byte is read
  // Why it failed, fit for the client (no path); empty otherwise. A done import may have damage.
  std::string error;
};

struct ImportUpload {
  http::BodyReader body;         // already decompressed
  std::string name;              // the part of the events' source after the colon: "upload"
  std::uint64_t sent_bytes = 0;  // of the body, as sent
};

// Any thread.
class ImportJobs {
 public:
  virtual ~ImportJobs() = default;

  // Takes the whole body and returns the id of the job that reads it. Errors:
  // kInvalidArgument (over the limit, empty, or no known format), kUnsupported (a format that is
  // refused), kUnavailable (the client stalled, too many jobs, no room on disk), kIo.
  virtual Result<std::string> start(const ImportUpload& upload) = 0;

  // nullopt: there is no such job, or it was forgotten (only the newest are kept).
  virtual std::optional<ImportJob> find(std::string_view id) const = 0;
};

}  // namespace blockwatch
