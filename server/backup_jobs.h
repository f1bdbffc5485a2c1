#pragma once
// Backups of the store that were asked for over HTTP: files of a folder beside the database, made
// one at a time. What is there stays until somebody moves or removes it.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "storage/result.h"
#include "storage/timestamp.h"

namespace blockwatch {

enum class BackupState : std::uint8_t { kRunning, kDone, kFailed };

struct BackupJob {
  std::string name;  // names it for ever; the file is NAME.db
  BackupState state = BackupState::kDone;
  std::uint64_t bytes = 0;           // copied so far
  std::uint64_t total_bytes = 0;     // about; the same as `bytes` at the end
  bool audit_trail = false;          // NAME.db.audit is beside it
  std::optional<Timestamp> started;  // none: by an earlier run of the program
  std::optional<Timestamp> finished;
  std::string error;  // fit for the client; empty: none
};

// Any thread.
class BackupJobs {
 public:
  // `db_path` and `folder` are UTF-8. What an earlier run left unfinished in the folder is removed.
  BackupJobs(std::string db_path, const std::string& folder);
  ~BackupJobs();  // as stop()
  BackupJobs(const BackupJobs&) = delete;
  BackupJobs& operator=(const BackupJobs&) = delete;

  // An empty name: one made of the time. kInvalidArgument: not 1 to 64 of a-z, 0-9, '-', '_';
  // kConflict: there is one of this name, another is being made, or there are kMaxKept; kIo.
  Result<BackupJob> start(const std::string& name);

  // Newest first.
  std::vector<BackupJob> list() const;
  std::optional<BackupJob> find(std::string_view name) const;

  // Gives up the one that is being made. Idempotent.
  void stop();

  static bool is_name(std::string_view name);
  static constexpr std::size_t kMaxKept = 10;

 private:
  void make(const std::string& name);
  std::filesystem::path path_of(std::string_view name) const;
  std::optional<BackupJob> kept(std::string_view name) const;
  void remove_unfinished() const;

  const std::string db_path_;
  const std::filesystem::path folder_;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  std::map<std::string, BackupJob, std::less<>> jobs_;  // of this run, but done ones; guarded
  std::thread thread_;                                  // of the last one; guarded
};

}  // namespace blockwatch
