#include "server/audit_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/audit_policy_file.h"
#include "storage/store_lock.h"

namespace blockwatch {
namespace {

using std::chrono::milliseconds;

static_assert(kMaxAuditSubcategory + 1 == kAuditSubcategories);

constexpr milliseconds kLookEvery{60'000};
constexpr milliseconds kLongestRevertPause{3'600'000};
// How long a change waits for that of another process, and how often it looks.
constexpr milliseconds kTurnPatience{5'000};
constexpr milliseconds kTurnPause{20};
// A look at the whole journal is good for so long.
constexpr std::chrono::minutes kChainKnown{1};

std::uint8_t to_bits(AuditFlags flags) {
  return static_cast<std::uint8_t>((flags.success ? 1U : 0U) | (flags.failure ? 2U : 0U));
}
AuditFlags to_flags(std::uint8_t bits) { return {(bits & 1U) != 0, (bits & 2U) != 0}; }

std::uint8_t bits_in(const AuditPolicy& policy, std::uint8_t id) {
  return to_bits(policy.at(id).value_or(AuditFlags{}));
}

// `policy` and then the change. What somebody else has changed meanwhile is not in it, so that the
// next look finds it.
std::string digits_after(AuditPolicy policy, const AuditChangeRecord& change) {
  for (const AuditSettingRecord& one : change.settings) {
    policy.at(one.subcategory) = to_flags(one.after);
  }
  return to_digits(policy);
}

bool is_in_force(const AuditChangeRecord& change, const AuditPolicy& policy) {
  return std::ranges::all_of(change.settings, [&](const AuditSettingRecord& setting) {
    return bits_in(policy, setting.subcategory) == setting.after;
  });
}

// What the trail and so the client may be told.
std::string told(const Error& error) {
  const bool inner = error.code == ErrorCode::kIo || error.code == ErrorCode::kInternal;
  return inner ? "the system failed; the cause is in the server's log" : error.message;
}

Error not_written(const Error& error) {
  spdlog::error("audit policy: {}", error.message);
  return {ErrorCode::kUnavailable,
          "The trail of the audit policy cannot be written, so nothing was done."};
}

}  // namespace

// Both locks, of this process and between processes.
class AuditKeeper::Turn {
 public:
  static Result<Turn> take(AuditKeeper& keeper) {
    std::unique_lock lock(keeper.mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kTurnPatience;
    for (;;) {
      auto file = StoreLock::acquire(keeper.lock_path_);
      if (file) return Turn(std::move(lock), std::move(*file));
      if (file.error().code != ErrorCode::kConflict) {
        return tl::unexpected(not_written(file.error()));
      }
      if (std::chrono::steady_clock::now() > deadline) {
        return make_error(ErrorCode::kUnavailable, "another process is changing the audit policy");
      }
      std::unique_lock wake_lock(keeper.wake_mutex_);
      if (keeper.wake_.wait_for(wake_lock, kTurnPause, [&] { return keeper.stopping_; })) {
        return make_error(ErrorCode::kUnavailable, "the program is stopping");
      }
    }
  }

 private:
  Turn(std::unique_lock<std::mutex> lock, StoreLock file)
      : lock_(std::move(lock)), file_(std::move(file)) {}
  std::unique_lock<std::mutex> lock_;
  StoreLock file_;
};

Result<std::unique_ptr<AuditKeeper>> AuditKeeper::open(const std::string& policy_path,
                                                       const std::string& db_path) {
  std::string trail_path = db_path + ".audit";
  auto store = AuditStore::open_later(trail_path);
  return std::make_unique<AuditKeeper>(open_audit_policy(policy_path, db_path), std::move(store),
                                       std::move(trail_path));
}

AuditKeeper::AuditKeeper(std::unique_ptr<AuditPolicySource> source,
                         std::unique_ptr<AuditStore> store, std::string trail_path)
    : source_(std::move(source)),
      store_(std::move(store)),
      lock_path_(std::move(trail_path) + ".lock") {}

AuditKeeper::~AuditKeeper() { stop(); }

Result<AuditView> AuditKeeper::view() {
  const std::lock_guard lock(mutex_);
  auto policy = source_->read();
  if (!policy) return tl::unexpected(policy.error());
  return AuditView{*policy, source_->conflict({}), source_->security_log()};
}

Result<AuditOutcome> AuditKeeper::change(const AuditRequest& request) {
  const auto turn = Turn::take(*this);
  if (!turn) return tl::unexpected(turn.error());
  const auto before = catch_up();
  if (!before) return tl::unexpected(before.error());
  if (request.seen && std::ranges::find(*request.seen, to_digits(*before)) == request.seen->end()) {
    return AuditOutcome{true, {}, *before, {}};
  }
  AuditChangeRecord change;
  change.time = now();
  change.who = request.who;
  change.client = request.client;
  change.peer = request.peer;
  change.token_id = request.token_id;
  change.cause = request.restores ? AuditCause::kRestore : AuditCause::kSet;
  change.restores = request.restores;
  if (request.revert_after) {
    change.revert_time =
        Timestamp{change.time.ticks + request.revert_after->count() * Timestamp::kTicksPerSecond};
  }
  std::vector<AuditSetting> settings;
  for (const AuditWish& wish : request.wishes) {
    const auto& known = before->at(wish.id);
    if (!known) {
      return make_error(ErrorCode::kInvalidArgument,
                        "This system does not know the subcategory " + audit_slug(wish.id) + ".");
    }
    const AuditFlags after{wish.success.value_or(known->success),
                           wish.failure.value_or(known->failure)};
    settings.push_back({wish.id, after});
    change.settings.push_back({wish.id, to_bits(*known), to_bits(after), to_bits(*known)});
  }
  std::ranges::sort(change.settings, {}, &AuditSettingRecord::subcategory);
  const auto security_log = source_->security_log();
  if (request.dry_run) return AuditOutcome{false, std::move(change), *before, security_log};
  if (const auto conflict = source_->conflict(settings)) {
    return make_error(ErrorCode::kConflict, "The change would not last: " + *conflict + ".");
  }
  auto outcome = carry_out(std::move(change), *before);
  if (outcome) outcome->security_log = security_log;
  return outcome;
}

Result<AuditOutcome> AuditKeeper::carry_out(AuditChangeRecord change, const AuditPolicy& before) {
  if (const auto begun = store_->begin(change, to_digits(before)); !begun) {
    return tl::unexpected(not_written(begun.error()));
  }
  std::vector<AuditSetting> settings;
  for (const AuditSettingRecord& one : change.settings) {
    settings.push_back({one.subcategory, to_flags(one.after)});
  }
  const auto set = source_->set(settings);
  const auto after = source_->read();
  Error error;
  if (!set) {
    error = set.error();
  } else if (after && !is_in_force(change, *after)) {
    error = {ErrorCode::kConflict,
             "The system took the change and has another policy all the same: something else sets "
             "it, such as a group policy."};
  }
  const bool failed = !error.message.empty();
  if (failed) change.error = told(error);
  const auto written =
      store_->finish(change, failed ? AuditState::kFailed : AuditState::kDone, change.error,
                     failed ? to_digits(before) : digits_after(before, change));
  // It stays "started" in the trail, until the next look finds out what became of it.
  if (!written) spdlog::error("audit policy: {}", written.error().message);
  if (const auto stored = store_->change(change.id)) change = *stored;
  hear(change);
  if (failed) return tl::unexpected(error);
  return AuditOutcome{false, std::move(change), after.value_or(before), {}};
}

Result<AuditBackupRecord> AuditKeeper::back_up(const std::string& who) {
  const auto turn = Turn::take(*this);
  if (!turn) return tl::unexpected(turn.error());
  const auto policy = source_->read();
  if (!policy) return tl::unexpected(policy.error());
  AuditBackupRecord backup{0, now(), who, to_digits(*policy)};
  const auto id = store_->add_backup(backup);
  if (!id) return tl::unexpected(not_written(id.error()));
  backup.id = *id;
  return backup;
}

Result<AuditPolicy> AuditKeeper::catch_up() {
  auto policy = source_->read();
  if (!policy) return policy;
  auto kept = settle(*policy);
  if (kept) kept = note_outside(*policy);
  if (!kept) return tl::unexpected(not_written(kept.error()));
  return policy;
}

// Who holds the turn knows that nobody is at work: what is still "started" was interrupted.
Result<void> AuditKeeper::settle(const AuditPolicy& policy) {
  auto unfinished = store_->unfinished();
  if (!unfinished) return tl::unexpected(unfinished.error());
  for (const AuditChangeRecord& change : *unfinished) {
    const auto last = store_->last_policy();
    if (!last) return tl::unexpected(last.error());
    const AuditPolicy before = parse_digits(*last).value_or(policy);
    const bool done = is_in_force(change, policy);
    auto written = store_->finish(change, done ? AuditState::kDone : AuditState::kFailed,
                                  done ? "" : "interrupted; it was not in force afterwards",
                                  done ? digits_after(before, change) : to_digits(before));
    if (!written) return written;
    if (const auto stored = store_->change(change.id)) hear(*stored);
  }
  return {};
}

Result<void> AuditKeeper::note_outside(const AuditPolicy& policy) {
  const auto last = store_->last_policy();
  if (!last) return tl::unexpected(last.error());
  const std::string current = to_digits(policy);
  if (*last == current) return {};
  const auto before = parse_digits(*last);
  if (!before) return store_->set_last_policy(current);
  AuditChangeRecord change;
  change.time = now();
  change.who = "outside";
  change.cause = AuditCause::kOutside;
  for (std::size_t i = 0; i < kAuditSubcategories; ++i) {
    const auto id = static_cast<std::uint8_t>(i);
    const std::uint8_t was = bits_in(*before, id);
    const std::uint8_t is = bits_in(policy, id);
    if (was != is) change.settings.push_back({id, was, is, was});
  }
  if (change.settings.empty()) return store_->set_last_policy(current);
  if (auto written = store_->add_done(change, current); !written) return written;
  hear(change);
  return {};
}

Result<void> AuditKeeper::revert_due() {
  const auto pending = store_->pending_reverts();
  if (!pending) return tl::unexpected(pending.error());
  if (pending->empty()) retries_.clear();
  Result<void> result;
  for (const AuditChangeRecord& earlier : *pending) {
    const auto failed = retries_.find(earlier.id);
    if (failed != retries_.end() && std::chrono::steady_clock::now() < failed->second.next)
      continue;
    if (earlier.revert_time.value_or(Timestamp{}) > now()) continue;
    auto policy = source_->read();
    if (!policy) return tl::unexpected(policy.error());
    AuditChangeRecord change;
    change.time = now();
    change.who = earlier.who;
    change.cause = AuditCause::kRevert;
    change.reverts = earlier.id;
    for (const AuditSettingRecord& setting : earlier.settings) {
      if (setting.revert != AuditRevert::kPending) continue;
      const std::uint8_t is = bits_in(*policy, setting.subcategory);
      change.settings.push_back({setting.subcategory, is, setting.revert_to, is});
    }
    if (const auto done = carry_out(std::move(change), *policy); !done) {
      Retry& retry = retries_[earlier.id];
      retry.pause = std::clamp(2 * retry.pause, kLookEvery, kLongestRevertPause);
      retry.next = std::chrono::steady_clock::now() + retry.pause;
      result = tl::unexpected(done.error());
    }
  }
  return result;
}

Result<AuditChainReport> AuditKeeper::check_chain() {
  const std::lock_guard lock(chain_mutex_);
  const auto current = std::chrono::steady_clock::now();
  if (chain_report_ && current - chain_checked_ < kChainKnown) {
    const auto head = store_->chain_head();
    if (head && *head == chain_report_->last_hash) return *chain_report_;
  }
  auto report = store_->check_chain();
  if (!report) return report;
  chain_report_ = *report;
  chain_checked_ = current;
  return report;
}

Result<void> AuditKeeper::look() {
  refusals_.tell_counted();
  const auto turn = Turn::take(*this);
  if (!turn) return tl::unexpected(turn.error());
  if (const auto policy = catch_up(); !policy) return tl::unexpected(policy.error());
  return may_revert_ ? revert_due() : Result<void>{};
}

void AuditKeeper::hear(const AuditChangeRecord& change) {
  if (listener_ && change.state == AuditState::kDone) listener_(change);
  if (!change.revert_time) return;
  const std::lock_guard lock(wake_mutex_);
  look_again_ = true;
  wake_.notify_one();
}

void AuditKeeper::start(Listener listener, bool may_revert) {
  {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
    may_revert_ = may_revert;
  }
  thread_ = std::thread([this] { run(); });
}

void AuditKeeper::stop() {
  {
    const std::lock_guard lock(wake_mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void AuditKeeper::run() {
  std::string last_error;
  for (;;) {
    const auto looked = look();
    const std::string error = looked ? std::string() : looked.error().message;
    if (!error.empty() && error != last_error) spdlog::error("audit policy: {}", error);
    last_error = error;
    // What failed is not tried again before the next minute.
    const milliseconds wait = looked ? until_next_look() : kLookEvery;
    std::unique_lock lock(wake_mutex_);
    wake_.wait_for(lock, wait, [this] { return stopping_ || look_again_; });
    look_again_ = false;
    if (stopping_) return;
  }
}

milliseconds AuditKeeper::until_next_look() {
  const std::lock_guard lock(mutex_);
  if (!may_revert_) return kLookEvery;
  const auto pending = store_->pending_reverts();
  if (!pending) return kLookEvery;
  // What failed has time until a look that comes anyway.
  const auto next = std::ranges::find_if(
      *pending, [this](const AuditChangeRecord& change) { return !retries_.contains(change.id); });
  if (next == pending->end()) return kLookEvery;
  constexpr std::int64_t kTicksPerMs = Timestamp::kTicksPerSecond / 1000;
  const std::int64_t ticks = next->revert_time.value_or(Timestamp{}).ticks - now().ticks;
  return std::clamp(milliseconds(ticks / kTicksPerMs + 1), milliseconds(0), kLookEvery);
}

std::vector<AuditWish> wishes_of(const AuditPolicy& policy) {
  std::vector<AuditWish> wishes;
  for (std::size_t i = 0; i < kAuditSubcategories; ++i) {
    if (const auto& flags = policy.at(i)) {
      wishes.push_back({static_cast<AuditId>(i), flags->success, flags->failure});
    }
  }
  return wishes;
}

}  // namespace blockwatch
