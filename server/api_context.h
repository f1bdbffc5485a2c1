#pragma once
// What the handlers need from the program: references and functions, so that they can be called in
// a test without it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/audit_keeper.h"
#include "server/backup_jobs.h"
#include "server/embedded.h"
#include "server/event_streams.h"
#include "server/import_jobs.h"
#include "server/page_cache.h"
#include "server/plain_files.h"
#include "server/reader_pool.h"
#include "server/sessions.h"
#include "server/settings.h"
#include "storage/commit_signal.h"
#include "storage/event_writer.h"
#include "storage/words.h"

namespace blockwatch {

// A running source, as the program sees it (what the store remembers of it is added from there).
struct SourceStatus {
  std::string name;                    // as in Event::source
  std::string state;                   // starting, importing, following, finished, failed
  std::optional<std::int64_t> lag_ms;  // age of its newest event when it was stored
  // Records that only repeat others, and that were not to be recorded; none: it does not count
  // them.
  std::optional<std::uint64_t> folded;
  std::optional<std::uint64_t> ignored;
  double rate_per_s = 0;   // records stored in the last minute, per second
  std::string last_error;  // fit for the client; empty: none
};

struct HealthCheck {
  std::string name;  // "store", "writer", "sources", ...: a fixed set
  bool ok = true;
  std::string detail;              // for the client: what is wrong, or else worth knowing
  std::optional<Timestamp> since;  // when it last changed between ok and failed
};

struct ServiceStatus {
  std::string version;
  Timestamp start_time;
  WriterCounters writer;
  double stored_per_s = 0;     // over the last minute
  double duplicate_per_s = 0;  // over the last minute
  ActionSet record;            // what is stored
  std::uint64_t connections = 0;
  std::uint64_t streams = 0;
  std::uint64_t requests = 0;  // answered since start
};

// Everything in it outlives the routes. The functions may be called by any thread at any time and
// must not block for long.
struct ApiContext {
  ReaderPool& readers;
  const CommitSignal& commits;
  ImportJobs& imports;
  EventStreams& streams;
  AuditKeeper& audit;
  BackupJobs& backups;
  Settings& settings;
  std::function<ServiceStatus()> status;
  std::function<std::vector<SourceStatus>()> sources;
  std::function<std::vector<HealthCheck>()> health;
  std::span<const EmbeddedFile> files;
  bool audit_changes = true;  // requests may change the audit policy
  std::unique_ptr<PageCache> pages = std::make_unique<PageCache>();
  std::unique_ptr<Sessions> sessions = std::make_unique<Sessions>();
  std::unique_ptr<PlainFiles> plain_files = std::make_unique<PlainFiles>();
};

}  // namespace blockwatch
