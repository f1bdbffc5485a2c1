#pragma once
// The trail of the audit policy: every change with its before and after, the reverts that are still
// to come, the backups. A small SQLite file of its own beside the events' (README.md says why).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/result.h"
#include "storage/timestamp.h"

namespace blockwatch {

enum class AuditCause : std::uint8_t { kSet, kRestore, kRevert, kOutside };
enum class AuditState : std::uint8_t {
  kStarted,  // about to be carried out, or the program was killed while it was
  kDone,
  kFailed,    // nothing was changed
  kReverted,  // done, and put back when its time was over
};
enum class AuditRevert : std::uint8_t {
  kNone,
  kPending,
  kDone,
  kKept,  // given up: a later change, or somebody outside, set the same subcategory
};

// The highest number of one (AuditId of monitor/audit_policy.h).
inline constexpr std::uint8_t kMaxAuditSubcategory = 58;

// One subcategory of a change. Values: success 1, failure 2, both 3, neither 0.
struct AuditSettingRecord {
  std::uint8_t subcategory = 0;
  std::uint8_t before = 0;
  std::uint8_t after = 0;
  std::uint8_t revert_to = 0;  // what a revert sets; before, or that of the change it extends
  AuditRevert revert = AuditRevert::kNone;
};

struct AuditChangeRecord {
  std::int64_t id = 0;  // 0: not stored
  Timestamp time;
  std::string who;
  std::string client;    // address; empty: none
  std::string peer;      // who the other end is ("uid 1000"); empty: not known
  std::string token_id;  // of the token that was shown; empty: none
  AuditCause cause = AuditCause::kSet;
  AuditState state = AuditState::kStarted;
  std::vector<AuditSettingRecord> settings;  // by subcategory
  std::optional<std::int64_t> backup;        // made before it
  std::optional<std::int64_t> restores;      // the backup that it restores
  std::optional<std::int64_t> reverts;       // the change that it reverts
  std::optional<Timestamp> revert_time;
  std::string error;  // why it failed, fit for the client
};

struct AuditBackupRecord {
  std::int64_t id = 0;
  Timestamp time;
  std::string who;
  std::string policy;  // one digit per subcategory
};

// An attempt of a change that a check or its handler refused. One without an operation only tells
// how many more there were.
struct AuditRefusal {
  std::int64_t id = 0;
  Timestamp time;
  std::string operation;  // "PUT /api/v1/audit/policy"
  std::string who;        // as of a change; empty: nobody known
  std::string client;
  std::string peer;
  std::string token_id;
  std::int32_t status = 0;
  std::int64_t counted = 0;  // refused before it and only counted, because they were too many
};

// What the journal of the trail says of itself and of the rest of the file.
struct AuditChainReport {
  std::int64_t entries = 0;
  std::int64_t refusals = 0;
  std::string first_hash;  // that the oldest entry goes on from
  std::string last_hash;   // stands for all of it: who has kept it can tell a rewritten file
  std::string fault;       // what was changed or removed first; empty: nothing
};

// Which entries of a list: at most `limit` with an id below `before` (0: from the newest).
struct AuditListQuery {
  std::int64_t before = 0;
  std::uint32_t limit = 100;
};

// How many changes, and how many backups, are kept: some megabytes.
inline constexpr std::int64_t kKeptAuditEntries = 10'000;
// How many refusals: apart, so that nobody can push changes out by asking in vain.
inline constexpr std::int64_t kKeptAuditRefusals = 1'000;

// Any thread; several processes may have the same file open. What a function has written when it
// returns survives a power cut. Beyond `keep` entries (of refusals also beyond their own bound) the
// oldest go, but no change that is started or whose revert is pending, and no backup that a kept
// change names. Each backup, beginning and end of a change is also an entry of a journal in which
// each has the hash of the one before.
class AuditStore {
 public:
  // Creates the file for its owner only, and PATH.begun, which tells from then on that one without
  // a byte, or none, is kCorrupt too. kIo, kPermission; kUnsupported: of a newer version.
  static Result<std::unique_ptr<AuditStore>> open(const std::string& path,
                                                  std::int64_t keep = kKeptAuditEntries);
  // Opens the file when it is first needed, and again after an error: until that goes well every
  // function fails. A damaged trail is never begun anew.
  static std::unique_ptr<AuditStore> open_later(const std::string& path);
  ~AuditStore();

  // The last use went wrong, so the next may too.
  bool fails() const;

  Result<std::int64_t> add_backup(const AuditBackupRecord& backup);

  // Stores the change as started, with a backup of `policy` before it; fills its ids.
  Result<void> begin(AuditChangeRecord& change, const std::string& policy);
  // kDone: the change's reverts are pending from now on, and those of earlier changes of the same
  // subcategories end: done if this is their revert, else kept. `policy` is what is in force now.
  Result<void> finish(const AuditChangeRecord& change, AuditState state, const std::string& error,
                      const std::string& policy);
  // A change that has happened already; fills its id.
  Result<void> add_done(AuditChangeRecord& change, const std::string& policy);

  Result<void> add_refusal(AuditRefusal& refusal);                          // fills its id
  Result<std::vector<AuditRefusal>> refusals(const AuditListQuery& query);  // newest first

  // Reads all of it.
  Result<AuditChainReport> check_chain();
  Result<std::string> chain_head();  // AuditChainReport::last_hash, without looking further

  // The policy at the end of the last change, or as it was first seen; empty: never.
  Result<std::string> last_policy();
  Result<void> set_last_policy(const std::string& policy);

  Result<std::vector<AuditChangeRecord>> unfinished();
  // With a pending setting, by revert time.
  Result<std::vector<AuditChangeRecord>> pending_reverts();

  // Newest first.
  Result<std::vector<AuditChangeRecord>> changes(const AuditListQuery& query);
  Result<std::vector<AuditBackupRecord>> backups(const AuditListQuery& query);
  Result<AuditChangeRecord> change(std::int64_t id);  // kNotFound
  Result<AuditBackupRecord> backup(std::int64_t id);  // kNotFound

 private:
  class Impl;
  explicit AuditStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
