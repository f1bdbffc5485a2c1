#include "storage/backup.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <thread>

#include "monitor/wait.h"
#include "server/commands/commands.h"
#include "server/progress_bar.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

constexpr std::chrono::milliseconds kLook{100};

std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal may come at any moment

// The copy is given up and its file removed.
void ask_to_stop(int /*signal*/) { stop_asked = true; }

std::uint64_t bytes_of(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(to_path(path), error);
  return error ? 0 : bytes;
}

Result<BackupReport> back_up_in_sight(const std::string& db_path, const std::string& file) {
  const std::jthread watch([&](const std::stop_token& stop) {
    ProgressBar bar(file);
    // The copy is smaller where the store has free pages.
    while (wait_for(stop, kLook)) bar.show(bytes_of(unfinished_backup(file)), bytes_of(db_path));
  });
  return back_up(db_path, file, &stop_asked);
}

}  // namespace

int run_backup(const BackupConfig& config) {
  const auto db_path = resolve_db_path(config.db_path);
  if (!db_path) return report_error(db_path.error());
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  const auto made = back_up_in_sight(*db_path, config.file);
  if (!made) return report_error(made.error());
  std::cout << config.file << ": " << made->rows << " events, " << made->bytes
            << " bytes, checked\n";
  if (made->audit_trail) std::cout << config.file << ".audit: the trail of the audit policy\n";
  return kExitSuccess;
}

}  // namespace blockwatch
