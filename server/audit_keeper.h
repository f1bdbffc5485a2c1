#pragma once
// Reads and changes the audit policy, keeps the trail of it, puts back what was meant for a while,
// and notices what others change. The one place where policy and trail come together.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "monitor/audit_policy.h"
#include "server/audit_refusals.h"
#include "storage/audit_store.h"

namespace blockwatch {

// What is wanted of one subcategory; what is not said stays.
struct AuditWish {
  AuditId id = 0;
  std::optional<bool> success;
  std::optional<bool> failure;
};

struct AuditRequest {
  std::string who;
  std::string client;    // address; empty: none
  std::string peer;      // as AuditChangeRecord::peer
  std::string token_id;  // the same
  std::vector<AuditWish> wishes;
  std::optional<std::int64_t> restores;  // the backup the wishes come from
  std::optional<std::chrono::seconds> revert_after;
  // to_digits() of the policies that the caller may have seen; nothing: any.
  std::optional<std::vector<std::string>> seen;
  bool dry_run = false;
};

struct AuditOutcome {
  bool stale = false;        // the policy is none of `seen`: nothing was done
  AuditChangeRecord change;  // id 0 when nothing was done
  AuditPolicy policy;        // afterwards
  std::optional<SecurityLog> security_log;
};

struct AuditView {
  AuditPolicy policy;
  std::optional<std::string> conflict;  // why changes would not last
  std::optional<SecurityLog> security_log;
};

// Any thread. Several processes may work on the same policy and trail: a lock file beside the trail
// keeps their changes apart.
class AuditKeeper {
 public:
  using Listener = std::function<void(const AuditChangeRecord&)>;

  // Of open_audit_policy(), with the trail beside the database.
  static Result<std::unique_ptr<AuditKeeper>> open(const std::string& policy_path,
                                                   const std::string& db_path);

  // `trail_path` is where `store` lives.
  AuditKeeper(std::unique_ptr<AuditPolicySource> source, std::unique_ptr<AuditStore> store,
              std::string trail_path);
  ~AuditKeeper();  // as stop()
  AuditKeeper(const AuditKeeper&) = delete;
  AuditKeeper& operator=(const AuditKeeper&) = delete;

  std::string_view kind() const { return source_->kind(); }
  AuditStore& trail() { return *store_; }

  Result<AuditView> view();

  // All wishes or none. kInvalidArgument: the system does not know a subcategory; kConflict:
  // another authority sets the policy; kUnavailable: it could not be written down first, so it was
  // not done; kPermission and what else the policy's source says.
  Result<AuditOutcome> change(const AuditRequest& request);

  Result<AuditBackupRecord> back_up(const std::string& who);

  void note_refusal(AuditRefusal refusal) { refusals_.note(std::move(refusal)); }

  // The journal's own word; what was read within the last minute is not read again unless there is
  // something new.
  Result<AuditChainReport> check_chain();

  // What the thread does each time: finish what a crash interrupted, note what others changed,
  // carry out the reverts that are due, unless the policy may not be changed.
  Result<void> look();

  // Looks now, every minute, and when a revert is due. The listener hears of every change of the
  // policy from here on; it runs under the keeper's lock and must not call it. Without `may_revert`
  // what is due waits for another process that may.
  void start(Listener listener, bool may_revert = true);
  void stop();  // from here on nothing waits for another process

 private:
  class Turn;
  Result<AuditPolicy> catch_up();
  Result<void> settle(const AuditPolicy& policy);
  Result<void> note_outside(const AuditPolicy& policy);
  Result<void> revert_due();
  Result<AuditOutcome> carry_out(AuditChangeRecord change, const AuditPolicy& before);
  void hear(const AuditChangeRecord& change);
  void run();
  std::chrono::milliseconds until_next_look();

  const std::unique_ptr<AuditPolicySource> source_;  // guarded by mutex_
  const std::unique_ptr<AuditStore> store_;
  const std::string lock_path_;
  std::mutex mutex_;        // one change at a time
  Listener listener_;       // guarded by mutex_
  bool may_revert_ = true;  // guarded by mutex_
  // A revert that fails is tried again later and later; the others do not wait for it.
  struct Retry {
    std::chrono::steady_clock::time_point next;
    std::chrono::milliseconds pause{0};
  };
  std::map<std::int64_t, Retry> retries_;  // by change; guarded by mutex_

  AuditRefusals refusals_{*store_};
  std::mutex chain_mutex_;
  std::optional<AuditChainReport> chain_report_;
  std::chrono::steady_clock::time_point chain_checked_;

  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;    // guarded by wake_mutex_
  bool look_again_ = false;  // guarded by wake_mutex_: there is a new revert to wait for
  std::thread thread_;
};

// What a restore of this backup wishes.
std::vector<AuditWish> wishes_of(const AuditPolicy& policy);

}  // namespace blockwatch
