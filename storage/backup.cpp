#include "storage/backup.h"

#include <chrono>
#include <filesystem>
#include <system_error>

#include "storage/file_path.h"
#include "storage/place_lock.h"
#include "storage/schema.h"
#include "storage/sqlite_internal.h"
#include "storage/store_file.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

void remove(const std::string& path) {
  std::error_code ignored;
  fs::remove(to_path(path), ignored);
}

// Removes the file unless it was kept.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  ~Unfinished() { remove(path_); }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(to_path(path), ignored));
}

std::string trail_of(const std::string& path) { return path + ".audit"; }

Result<PlaceLock> lock_copy(const std::string& target) {
  return PlaceLock::take(unfinished_backup(target), std::chrono::milliseconds::zero());
}

// With the copy locked, so that nobody is at work on it.
void clear_leftovers(const std::string& target) {
  const std::string copy = unfinished_backup(target);
  if (!exists(copy)) return;
  // The trail gets its name first. There was none of this name when the backup began, so one
  // without its store is that backup's.
  if (!exists(target)) remove(trail_of(target));
  remove(unfinished_backup(trail_of(target)));
  remove(copy);
}

// Not at the last byte: the store goes on writing to the same disk.
Result<void> check_room(SqlConnection& connection, const std::string& target) {
  const auto pages = connection.query_integer("PRAGMA page_count") -
                     connection.query_integer("PRAGMA freelist_count");
  const auto bytes =
      static_cast<std::uint64_t>(pages * connection.query_integer("PRAGMA page_size"));
  std::error_code error;
  const auto folder = to_path(target).parent_path();
  const auto room = fs::space(folder.empty() ? fs::path(".") : folder, error);
  if (error) return make_error(ErrorCode::kIo, "the folder of " + target + " cannot be used");
  if (room.available < bytes + bytes / 8) {
    return make_error(ErrorCode::kUnavailable,
                      "not enough room for a backup of " + std::to_string(bytes) + " bytes");
  }
  return {};
}

void check_copy(SqlConnection& copy) {
  SqlStatement check(copy.handle(), "PRAGMA integrity_check(1)");
  if (!check.step() || check.bytes(0) != "ok") {
    throw SQLite::Exception("the copy is damaged", SQLITE_CORRUPT);
  }
}

// A copy of one database, not yet under its name.
Result<void> copy_to(const std::string& path, const std::string& copy_path,
                     const SqlConnection::Limits& limits) {
  try {
    SqlConnection connection(path, SqlConnection::Mode::kReadOnly);
    connection.set_limits(limits);
    if (auto room = check_room(connection, copy_path); !room) return room;
    if (auto made = create_private_file(copy_path); !made) return made;
    // Of the copy; where it is so already, this would write to the store.
    if (connection.query_integer("PRAGMA auto_vacuum") == 0) {
      connection.execute("PRAGMA auto_vacuum = INCREMENTAL");
    }
    {
      SqlStatement copy(connection.handle(), "VACUUM INTO ?");
      copy.bind_text(1, copy_path);
      copy.run();
    }
    SqlConnection copy(copy_path, SqlConnection::Mode::kReadOnly);
    copy.set_limits(limits);
    check_copy(copy);
    return {};
  } catch (const SQLite::Exception& e) {
    if ((e.getErrorCode() & 0xff) == SQLITE_INTERRUPT) {
      return make_error(ErrorCode::kUnavailable, "the backup was stopped");
    }
    return tl::unexpected<Error>(to_error(e, "back up " + path));
  }
}

Result<BackupReport> report_of(const std::string& copy_path) {
  try {
    SqlConnection copy(copy_path, SqlConnection::Mode::kReadOnly);
    if (auto ours = check_schema(copy); !ours) return tl::unexpected<Error>(ours.error());
    BackupReport report;
    report.rows = static_cast<std::uint64_t>(copy.query_integer("SELECT rows FROM state"));
    report.newest_seq =
        static_cast<std::uint64_t>(copy.query_integer("SELECT newest_seq FROM state"));
    report.bytes = fs::file_size(to_path(copy_path));
    return report;
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "read the backup"));
  } catch (const fs::filesystem_error& e) {
    return make_error(ErrorCode::kIo, e.what());
  }
}

}  // namespace

std::string unfinished_backup(const std::string& target) { return target + ".backup-part"; }

void clear_unfinished_backup(const std::string& target) {
  if (const auto lock = lock_copy(target)) clear_leftovers(target);
}

Result<BackupReport> back_up(const std::string& path, const std::string& target,
                             const std::atomic<bool>* stop) {
  const std::string trail = trail_of(path);
  const std::string trail_target = trail_of(target);
  if (!exists(path)) {
    return make_error(ErrorCode::kNotFound, "the store " + path + " does not exist");
  }
  const auto lock = lock_copy(target);
  if (!lock) return tl::unexpected<Error>(lock.error());
  clear_leftovers(target);
  for (const std::string& name : {target, trail_target}) {
    if (exists(name)) return make_error(ErrorCode::kConflict, name + " exists already");
  }
  const SqlConnection::Limits limits{.deadline = {}, .stop = stop};
  const Unfinished copy(unfinished_backup(target));
  if (auto copied = copy_to(path, copy.path(), limits); !copied) {
    return tl::unexpected<Error>(copied.error());
  }
  auto report = report_of(copy.path());
  if (!report) return report;
  // The trail first: when the store's copy is there, all is.
  report->audit_trail = exists(trail);
  if (report->audit_trail) {
    const Unfinished trail_copy(unfinished_backup(trail_target));
    auto kept = copy_to(trail, trail_copy.path(), limits);
    if (kept) kept = keep_as(trail_copy.path(), trail_target);
    if (!kept) return tl::unexpected<Error>(kept.error());
  }
  if (auto kept = keep_as(copy.path(), target); !kept) {
    if (report->audit_trail) remove(trail_target);
    return tl::unexpected<Error>(kept.error());
  }
  return report;
}

}  // namespace blockwatch
