#include "server/backup_jobs.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <ratio>
#include <system_error>
#include <utility>

#include "storage/backup.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "backup-";
constexpr std::string_view kSuffix = ".db";
constexpr std::size_t kMaxName = 64;

// "20261121t221530z"
std::string name_of(Timestamp time) {
  std::string name;
  for (const char c : format_rfc3339(time).substr(0, 19)) {
    if (c >= '0' && c <= '9') name += c;
    if (c == 'T') name += 't';
  }
  return name + 'z';
}

std::uint64_t size_or_zero(const fs::path& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  return error ? 0 : bytes;
}

Timestamp written_at(const fs::path& path) {
  using FileClock = fs::file_time_type::clock;
  const auto ticks = [](fs::file_time_type time) {
    using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, Timestamp::kTicksPerSecond>>;
    return std::chrono::duration_cast<Ticks>(time.time_since_epoch()).count();
  };
  // Where that clock begins; once, so that a file's time does not waver.
  static const std::int64_t kEpoch = now().ticks - ticks(FileClock::now());
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  return error ? now() : Timestamp{kEpoch + ticks(time)};
}

// What the system says may name paths, and is for the log.
std::string client_text(const Error& error) {
  spdlog::error("a backup failed: {}", error.message);
  return error.code == ErrorCode::kUnavailable
             ? "there is no room for it, or the program was stopped"
             : "it could not be made; the cause is in the server's log";
}

}  // namespace

BackupJobs::BackupJobs(std::string db_path, const std::string& folder)
    : db_path_(std::move(db_path)), folder_(to_path(folder)) {
  remove_unfinished();
}

BackupJobs::~BackupJobs() { stop(); }

bool BackupJobs::is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

void BackupJobs::remove_unfinished() const {
  const std::string ending = unfinished_backup(std::string(kSuffix));
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = to_utf8(entry.path().filename());
    if (!name.starts_with(kPrefix) || !name.ends_with(ending)) continue;
    found.push_back(folder_ / to_path(name.substr(0, name.size() - ending.size())));
  }
  for (const fs::path& path : found) clear_unfinished_backup(to_utf8(path) + std::string(kSuffix));
}

// The beginning keeps names that mean a device on some systems, such as "con", from being one.
fs::path BackupJobs::path_of(std::string_view name) const {
  return folder_ / to_path(std::string(kPrefix) + std::string(name) + std::string(kSuffix));
}

Result<BackupJob> BackupJobs::start(const std::string& asked) {
  BackupJob job{.state = BackupState::kRunning, .started = now()};
  job.name = asked.empty() ? name_of(*job.started) : asked;
  if (!is_name(job.name)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "The name must be 1 to 64 of a-z, 0-9, '-' and '_'.");
  }
  const auto all = list();
  const std::lock_guard lock(mutex_);
  if (stop_) return make_error(ErrorCode::kUnavailable, "The server is stopping.");
  const auto runs = [](const auto& entry) { return entry.second.state == BackupState::kRunning; };
  if (std::ranges::any_of(jobs_, runs)) {
    return make_error(ErrorCode::kConflict, "Another backup is being made.");
  }
  if (kept(job.name)) return make_error(ErrorCode::kConflict, "There is a backup of this name.");
  if (std::ranges::count(all, BackupState::kDone, &BackupJob::state) >=
      static_cast<std::ptrdiff_t>(kMaxKept)) {
    return make_error(ErrorCode::kConflict,
                      "There are " + std::to_string(kMaxKept) +
                          " backups already; move or remove one of the files first.");
  }
  std::error_code error;
  if (fs::create_directory(folder_, error)) {
    fs::permissions(folder_, fs::perms::owner_all, error);
  }
  if (error) return make_error(ErrorCode::kIo, "the folder of the backups cannot be made");
  job.total_bytes = size_or_zero(to_path(db_path_));
  if (thread_.joinable()) thread_.join();
  jobs_.clear();  // none runs, and files tell of those that were made
  // It waits for the lock. Where there is no room for a thread, nothing must be left as running.
  thread_ = std::thread([this, name = job.name] { make(name); });
  jobs_.insert_or_assign(job.name, job);
  return job;
}

void BackupJobs::make(const std::string& name) {
  Result<BackupReport> done = make_error(ErrorCode::kInternal, {});
  try {
    done = back_up(db_path_, to_utf8(path_of(name)), &stop_);
  } catch (const std::exception& e) {
    done = make_error(ErrorCode::kInternal, e.what());
  }
  const std::string error = done ? std::string() : client_text(done.error());
  const std::lock_guard lock(mutex_);
  BackupJob& job = jobs_[name];
  job.state = done ? BackupState::kDone : BackupState::kFailed;
  job.error = error;
  job.finished = now();
  if (!done) return;
  job.bytes = job.total_bytes = done->bytes;
  job.audit_trail = done->audit_trail;
}

// The file says what there is, also of earlier runs.
std::optional<BackupJob> BackupJobs::kept(std::string_view name) const {
  std::error_code error;
  const fs::path path = path_of(name);
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  BackupJob job{.name = std::string(name)};
  job.bytes = job.total_bytes = size_or_zero(path);
  job.audit_trail = fs::exists(to_path(to_utf8(path) + ".audit"), error);
  job.finished = written_at(path);
  return job;
}

std::optional<BackupJob> BackupJobs::find(std::string_view name) const {
  if (!is_name(name)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(name);
  const bool runs = found != jobs_.end() && found->second.state == BackupState::kRunning;
  if (auto file = runs ? std::nullopt : kept(name)) {
    if (found != jobs_.end()) file->started = found->second.started;
    return file;
  }
  if (found == jobs_.end() || found->second.state == BackupState::kDone) return std::nullopt;
  BackupJob job = found->second;
  if (runs) {
    job.bytes = size_or_zero(to_path(unfinished_backup(to_utf8(path_of(name)))));
    job.total_bytes = std::max(job.total_bytes, job.bytes);
  }
  return job;
}

std::vector<BackupJob> BackupJobs::list() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string file = to_utf8(entry.path().filename());
    if (file.starts_with(kPrefix) && file.ends_with(kSuffix)) {
      names.push_back(file.substr(kPrefix.size(), file.size() - kPrefix.size() - kSuffix.size()));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, job] : jobs_) names.push_back(name);
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<BackupJob> all;
  for (const std::string& name : names) {
    if (auto job = find(name)) all.push_back(std::move(*job));
  }
  std::ranges::stable_sort(all, std::ranges::greater{}, [](const BackupJob& job) {
    return job.finished.value_or(kMaxTimestamp).ticks;
  });
  return all;
}

void BackupJobs::stop() {
  std::thread last;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    last = std::move(thread_);
  }
  if (last.joinable()) last.join();
}

}  // namespace blockwatch
