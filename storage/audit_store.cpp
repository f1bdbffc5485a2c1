#include "storage/audit_store.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "storage/audit_trail_internal.h"
#include "storage/file_path.h"
#include "storage/sqlite_internal.h"
#include "storage/store_file.h"

namespace blockwatch {
namespace {

constexpr std::string_view kPage = "WHERE ?1 = 0 OR id < ?1 ORDER BY id DESC LIMIT ?2";
constexpr std::string_view kOne = "WHERE id = ?1 LIMIT ?2";

Result<void> without_value(const Result<std::int64_t>& result) {
  return result ? Result<void>() : tl::unexpected(result.error());
}

template <class Record>
Result<Record> only_one(const Result<std::vector<Record>>& found, const char* none) {
  if (!found) return tl::unexpected(found.error());
  if (found->empty()) return make_error(ErrorCode::kNotFound, none);
  return found->front();
}

}  // namespace

class AuditStore::Impl {
 public:
  Impl(std::string path, std::int64_t keep) : path_(std::move(path)), keep_(keep) {}

  Result<void> connect() {
    const std::lock_guard lock(mutex_);
    return connect_locked();
  }

  bool fails() const { return fails_; }

  template <class Question>
  auto read(const Question& question) {
    return ask(SqlTransaction::Kind::kRead, question);
  }
  template <class Question>
  Result<std::int64_t> write(const Question& question) {
    return ask(SqlTransaction::Kind::kWrite, question);
  }

 private:
  // One transaction; exceptions become values.
  template <class Question>
  auto ask(SqlTransaction::Kind kind, const Question& question)
      -> Result<decltype(question(std::declval<AuditTrail&>()))> {
    const std::lock_guard lock(mutex_);
    if (!connection_) {
      if (auto connected = connect_locked(); !connected) {
        fails_ = true;
        return tl::unexpected(connected.error());
      }
    }
    try {
      SqlTransaction transaction(*connection_, kind);
      auto answer = question(*trail_);
      transaction.commit();
      fails_ = false;
      return answer;
    } catch (const SQLite::Exception& e) {
      fails_ = true;
      const Error error = to_error(e, "use the trail of the audit policy");
      // What is in its place by the next use may be whole.
      if (error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kIo) disconnect();
      return tl::unexpected(error);
    }
  }

  void disconnect() {
    trail_.reset();
    connection_.reset();
  }

  // SQLite takes a file without a byte for a new one, and makes one that is not there.
  bool was_emptied() const {
    std::error_code error;
    if (!std::filesystem::exists(to_path(mark_), error)) return false;
    const auto bytes = std::filesystem::file_size(to_path(path_), error);
    return bytes == 0 || error == std::errc::no_such_file_or_directory;
  }

  Result<void> connect_locked() {
    if (was_emptied()) {
      return make_error(ErrorCode::kCorrupt,
                        path_ + " is empty or gone: put a copy of it back, or delete " + mark_ +
                            " to begin a new one");
    }
    if (auto made = create_private_file(path_); !made) return made;
    try {
      connection_.emplace(path_, SqlConnection::Mode::kCreate);
      trail_.emplace(*connection_, keep_);
      // Without a log beside it: processes may come and go. EXTRA also makes the end of a
      // transaction durable, not only its writes.
      connection_->execute("PRAGMA journal_mode = DELETE");
      connection_->execute("PRAGMA synchronous = EXTRA");
      if (const auto migrated = trail_->migrate(); !migrated) {
        disconnect();
        return make_error(migrated.error().code, path_ + ": " + migrated.error().message);
      }
    } catch (const SQLite::Exception& e) {
      disconnect();
      return tl::unexpected(to_error(e, "open " + path_));
    }
    if (std::ofstream(to_path(mark_), std::ios::app)) return {};
    disconnect();
    return make_error(ErrorCode::kIo, "cannot create " + mark_);
  }

  const std::string path_;
  const std::string mark_ = path_ + ".begun";  // a file that is there once the trail has been
  const std::int64_t keep_;
  std::atomic<bool> fails_{false};
  std::mutex mutex_;
  std::optional<SqlConnection> connection_;  // guarded by mutex_; none: to be opened
  std::optional<AuditTrail> trail_;          // of the connection
};

AuditStore::AuditStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AuditStore::~AuditStore() = default;

Result<std::unique_ptr<AuditStore>> AuditStore::open(const std::string& path, std::int64_t keep) {
  auto impl = std::make_unique<Impl>(path, keep);
  if (auto connected = impl->connect(); !connected) return tl::unexpected(connected.error());
  return std::unique_ptr<AuditStore>(new AuditStore(std::move(impl)));
}

std::unique_ptr<AuditStore> AuditStore::open_later(const std::string& path) {
  return std::unique_ptr<AuditStore>(
      new AuditStore(std::make_unique<Impl>(path, kKeptAuditEntries)));
}

bool AuditStore::fails() const { return impl_->fails(); }

Result<std::int64_t> AuditStore::add_backup(const AuditBackupRecord& backup) {
  return impl_->write([&](AuditTrail& trail) {
    const std::int64_t id = trail.insert(backup);
    trail.forget_oldest();
    return id;
  });
}

Result<void> AuditStore::begin(AuditChangeRecord& change, const std::string& policy) {
  const auto id = impl_->write([&](AuditTrail& trail) {
    change.backup = trail.insert(AuditBackupRecord{0, change.time, change.who, policy});
    const std::int64_t inserted = trail.insert(change);
    trail.forget_oldest();
    return inserted;
  });
  if (id) change.id = *id;
  return without_value(id);
}

Result<void> AuditStore::finish(const AuditChangeRecord& change, AuditState state,
                                const std::string& error, const std::string& policy) {
  return without_value(
      impl_->write([&](AuditTrail& trail) { return trail.finish(change, state, error, policy); }));
}

Result<void> AuditStore::add_done(AuditChangeRecord& change, const std::string& policy) {
  const auto id = impl_->write([&](AuditTrail& trail) {
    change.id = trail.insert(change);
    trail.forget_oldest();
    return trail.finish(change, AuditState::kDone, {}, policy);
  });
  if (id) change.state = AuditState::kDone;
  return without_value(id);
}

Result<void> AuditStore::add_refusal(AuditRefusal& refusal) {
  return without_value(impl_->write([&](AuditTrail& trail) { return trail.insert(refusal); }));
}

Result<std::vector<AuditRefusal>> AuditStore::refusals(const AuditListQuery& query) {
  return impl_->read([&](AuditTrail& trail) { return trail.select_refusals(kPage, query); });
}

Result<AuditChainReport> AuditStore::check_chain() {
  return impl_->read([](AuditTrail& trail) { return trail.check_chain(); });
}

Result<std::string> AuditStore::chain_head() {
  return impl_->read([](AuditTrail& trail) { return trail.chain_head(); });
}

Result<std::string> AuditStore::last_policy() {
  return impl_->read([](AuditTrail& trail) { return trail.last_policy(); });
}

Result<void> AuditStore::set_last_policy(const std::string& policy) {
  return without_value(impl_->write([&](AuditTrail& trail) {
    trail.set_last_policy(policy);
    return std::int64_t{0};
  }));
}

Result<std::vector<AuditChangeRecord>> AuditStore::unfinished() {
  return impl_->read(
      [](AuditTrail& trail) { return trail.select_changes("WHERE state = 0 ORDER BY id"); });
}

Result<std::vector<AuditChangeRecord>> AuditStore::pending_reverts() {
  return impl_->read([](AuditTrail& trail) {
    return trail.select_changes(
        "WHERE id IN (SELECT change FROM setting WHERE revert = 1) ORDER BY revert_time, id");
  });
}

Result<std::vector<AuditChangeRecord>> AuditStore::changes(const AuditListQuery& query) {
  return impl_->read([&](AuditTrail& trail) { return trail.select_changes(kPage, query); });
}

Result<AuditChangeRecord> AuditStore::change(std::int64_t id) {
  return only_one(impl_->read([&](AuditTrail& trail) {
    return trail.select_changes(kOne, {id, 1});
  }),
                  "There is no such change.");
}

Result<std::vector<AuditBackupRecord>> AuditStore::backups(const AuditListQuery& query) {
  return impl_->read([&](AuditTrail& trail) { return trail.select_backups(kPage, query); });
}

Result<AuditBackupRecord> AuditStore::backup(std::int64_t id) {
  return only_one(impl_->read([&](AuditTrail& trail) {
    return trail.select_backups(kOne, {id, 1});
  }),
                  "There is no such backup.");
}

}  // namespace blockwatch
