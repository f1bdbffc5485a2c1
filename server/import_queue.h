#pragma once
// The imports that clients send: spooled to a file, then read one after the other.

#include <functional>
#include <memory>
#include <string>

#include "server/import_jobs.h"
#include "storage/event_writer.h"
#include "storage/words.h"

namespace blockwatch {

// Owns the one thread that reads. Any thread may call start and find.
class ImportQueue final : public ImportJobs {
 public:
  using Observer = std::function<void(const AppendResult&)>;

  // Uploads are kept in the folder `spool_folder` (UTF-8; of this queue alone, made for this user
  // only) until they are read; what an earlier run left there is removed at once. `committed` is
  // told of every commit, on the writer's thread; may be empty.
  ImportQueue(EventWriter& writer, const std::string& spool_folder, ActionSet record,
              Observer committed = {});
  ~ImportQueue() override;  // as stop()
  ImportQueue(const ImportQueue&) = delete;
  ImportQueue& operator=(const ImportQueue&) = delete;

  Result<std::string> start(const ImportUpload& upload) override;
  std::optional<ImportJob> find(std::string_view id) const override;

  // Ends the running import at its next batch. Idempotent.
  void stop();

  static constexpr std::size_t kMaxWaiting = 16;  // jobs not yet begun
  static constexpr std::size_t kMaxKept = 256;    // ended jobs that can be asked for

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
