#include "storage/audit_trail_internal.h"

#include <algorithm>
#include <limits>

namespace blockwatch {
namespace {

// "BlkA"
constexpr int kApplicationId = 0x426c6b41;
constexpr int kSchemaVersion = 2;

// Ids are never used again: an address of a change stays what it was.
constexpr const char* kTables = R"sql(
CREATE TABLE backup(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time INTEGER NOT NULL,
  who TEXT NOT NULL,
  policy TEXT NOT NULL);

CREATE TABLE change(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time INTEGER NOT NULL,
  who TEXT NOT NULL,
  client TEXT NOT NULL,
  cause INTEGER NOT NULL,
  state INTEGER NOT NULL,
  backup INTEGER,
  restores INTEGER,
  reverts INTEGER,
  revert_time INTEGER,
  error TEXT NOT NULL);
CREATE INDEX change_started ON change(id) WHERE state = 0;

CREATE TABLE setting(
  change INTEGER,
  subcategory INTEGER,
  before INTEGER NOT NULL,
  after INTEGER NOT NULL,
  revert_to INTEGER NOT NULL,
  revert INTEGER NOT NULL,
  PRIMARY KEY(change, subcategory)) WITHOUT ROWID;
CREATE INDEX setting_pending ON setting(subcategory) WHERE revert = 1;

CREATE TABLE last_policy(id INTEGER PRIMARY KEY CHECK(id = 1), policy TEXT NOT NULL);
)sql";

// For each change that is kept; a change has three, the others are backups made by hand.
constexpr std::int64_t kJournalEntries = 8;

constexpr std::uint32_t kEverything = std::numeric_limits<std::uint32_t>::max();

constexpr std::string_view kChangeColumns =
    "SELECT id, time, who, client, cause, state, backup, restores, reverts, revert_time, error, "
    "peer, token_id FROM change ";

std::optional<std::int64_t> optional_at(const SqlStatement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.integer(column));
}

std::string text_at(const SqlStatement& row, int column) { return std::string(row.bytes(column)); }

// Tables are looked up by these numbers: none but theirs may come out of a damaged file.
std::uint8_t number_at(const SqlStatement& row, int column, std::uint8_t most) {
  const std::int64_t number = row.integer(column);
  if (number < 0 || number > most) {
    throw SQLite::Exception("a number without a meaning in the trail", SQLITE_CORRUPT);
  }
  return static_cast<std::uint8_t>(number);
}

template <class Enum>
Enum enum_at(const SqlStatement& row, int column, Enum last) {
  return static_cast<Enum>(number_at(row, column, static_cast<std::uint8_t>(last)));
}

// Put back is a state that a later change has brought about.
std::string finish_of(const AuditChangeRecord& change) {
  const bool reverted = change.state == AuditState::kReverted;
  return finish_text(reverted ? AuditState::kDone : change.state, change.error);
}

}  // namespace

std::int64_t AuditTrail::insert(const AuditBackupRecord& backup) {
  auto row = connection_.use("INSERT INTO backup(time, who, policy) VALUES(?, ?, ?)");
  row->bind(1, backup.time.ticks);
  row->bind_text(2, backup.who);
  row->bind_text(3, backup.policy);
  row->run();
  const std::int64_t id = sqlite3_last_insert_rowid(connection_.handle());
  chain_.append(AuditEntryKind::kBackup, id, backup_text(backup));
  return id;
}

std::int64_t AuditTrail::insert(const AuditChangeRecord& change) {
  auto row = connection_.use(
      "INSERT INTO change(time, who, client, cause, state, backup, restores, reverts, "
      "revert_time, error, peer, token_id) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)");
  row->bind(1, change.time.ticks);
  row->bind_text(2, change.who);
  row->bind_text(3, change.client);
  row->bind(4, static_cast<std::int64_t>(change.cause));
  row->bind(5, static_cast<std::int64_t>(AuditState::kStarted));
  row->bind_optional(6, change.backup);
  row->bind_optional(7, change.restores);
  row->bind_optional(8, change.reverts);
  row->bind_optional(9,
                     change.revert_time ? std::optional(change.revert_time->ticks) : std::nullopt);
  row->bind_text(10, change.peer);
  row->bind_text(11, change.token_id);
  row->run();
  const std::int64_t id = sqlite3_last_insert_rowid(connection_.handle());
  auto setting = connection_.use(
      "INSERT INTO setting(change, subcategory, before, after, revert_to, revert) "
      "VALUES(?1, ?2, ?3, ?4, ?3, 0)");
  for (const AuditSettingRecord& one : change.settings) {
    setting->bind(1, id);
    setting->bind(2, one.subcategory);
    setting->bind(3, one.before);
    setting->bind(4, one.after);
    setting->run();
  }
  chain_.append(AuditEntryKind::kBegin, id, begin_text(change));
  return id;
}

std::int64_t AuditTrail::insert(AuditRefusal& refusal) {
  chain_.append(refusal);
  chain_.forget_refusals(std::min(keep_, kKeptAuditRefusals));
  return refusal.id;
}

std::int64_t AuditTrail::finish(const AuditChangeRecord& change, AuditState state,
                                const std::string& error, const std::string& policy) {
  auto row = connection_.use("UPDATE change SET state = ?2, error = ?3 WHERE id = ?1");
  row->bind(1, change.id);
  row->bind(2, static_cast<std::int64_t>(state));
  row->bind_text(3, error);
  row->run();
  chain_.append(AuditEntryKind::kFinish, change.id, finish_text(state, error));
  if (state == AuditState::kDone) end_earlier_reverts(change);
  set_last_policy(policy);
  return change.id;
}

std::string AuditTrail::last_policy() {
  auto row = connection_.use("SELECT policy FROM last_policy");
  return row->step() ? text_at(*row, 0) : std::string();
}

void AuditTrail::set_last_policy(const std::string& policy) {
  auto row = connection_.use("INSERT OR REPLACE INTO last_policy VALUES(1, ?)");
  row->bind_text(1, policy);
  row->run();
}

AuditChangeRecord AuditTrail::change_at(const SqlStatement& row) {
  AuditChangeRecord change;
  change.id = row.integer(0);
  change.time.ticks = row.integer(1);
  change.who = text_at(row, 2);
  change.client = text_at(row, 3);
  change.cause = enum_at(row, 4, AuditCause::kOutside);
  change.state = enum_at(row, 5, AuditState::kReverted);
  change.backup = optional_at(row, 6);
  change.restores = optional_at(row, 7);
  change.reverts = optional_at(row, 8);
  if (!row.is_null(9)) change.revert_time = Timestamp{row.integer(9)};
  change.error = text_at(row, 10);
  change.peer = text_at(row, 11);
  change.token_id = text_at(row, 12);
  auto setting = connection_.use(
      "SELECT subcategory, before, after, revert_to, revert FROM setting WHERE change = ? "
      "ORDER BY subcategory");
  setting->bind(1, change.id);
  while (setting->step()) {
    constexpr std::uint8_t kBothFlags = 3;
    change.settings.push_back(
        {number_at(*setting, 0, kMaxAuditSubcategory), number_at(*setting, 1, kBothFlags),
         number_at(*setting, 2, kBothFlags), number_at(*setting, 3, kBothFlags),
         enum_at(*setting, 4, AuditRevert::kKept)});
  }
  return change;
}

std::vector<AuditChangeRecord> AuditTrail::select_changes(std::string_view condition,
                                                          const AuditListQuery& query) {
  auto rows = connection_.use(std::string(kChangeColumns) + std::string(condition));
  if (condition.find("?1") != std::string_view::npos) {
    rows->bind(1, query.before);
    rows->bind(2, query.limit);
  }
  std::vector<AuditChangeRecord> changes;
  while (rows->step()) changes.push_back(change_at(*rows));
  return changes;
}

std::vector<AuditBackupRecord> AuditTrail::select_backups(std::string_view condition,
                                                          const AuditListQuery& query) {
  auto rows = connection_.use("SELECT id, time, who, policy FROM backup " + std::string(condition));
  rows->bind(1, query.before);
  rows->bind(2, query.limit);
  std::vector<AuditBackupRecord> backups;
  while (rows->step()) {
    backups.push_back(
        {rows->integer(0), Timestamp{rows->integer(1)}, text_at(*rows, 2), text_at(*rows, 3)});
  }
  return backups;
}

std::vector<AuditRefusal> AuditTrail::select_refusals(std::string_view condition,
                                                      const AuditListQuery& query) {
  auto rows = connection_.use(
      "SELECT id, time, operation, who, client, peer, token_id, status, counted FROM refusal " +
      std::string(condition));
  rows->bind(1, query.before);
  rows->bind(2, query.limit);
  std::vector<AuditRefusal> refusals;
  while (rows->step()) refusals.push_back(refusal_at(*rows));
  return refusals;
}

// Ids rise by one.
void AuditTrail::forget_oldest() {
  chain_.forget_before(connection_.query_integer("SELECT ifnull(max(id), 0) FROM change") - keep_ +
                       1);
  chain_.forget_entries(kJournalEntries * keep_);
  for (const std::string_view sql :
       {"DELETE FROM change WHERE id <= (SELECT max(id) FROM change) - ?1 AND state <> 0 "
        "AND id NOT IN (SELECT change FROM setting WHERE revert = 1)",
        "DELETE FROM setting WHERE change <= (SELECT max(id) FROM change) - ?1 "
        "AND change NOT IN (SELECT id FROM change)",
        "DELETE FROM backup WHERE id <= (SELECT max(id) FROM backup) - ?1 "
        "AND id NOT IN (SELECT backup FROM change WHERE backup IS NOT NULL)"}) {
    auto remove = connection_.use(sql);
    remove->bind(1, keep_);
    remove->run();
  }
}

AuditChainReport AuditTrail::check_chain() {
  AuditChainReport report = chain_.check();
  if (report.fault.empty()) report.fault = fault_of_changes();
  if (report.fault.empty()) report.fault = fault_of_reverts(connection_);
  if (report.fault.empty()) report.fault = fault_of_backups();
  return report;
}

Result<void> AuditTrail::migrate() {
  SqlTransaction transaction(connection_, SqlTransaction::Kind::kWrite);
  const auto version = connection_.query_integer("PRAGMA user_version");
  const auto application = connection_.query_integer("PRAGMA application_id");
  const bool fresh = connection_.query_integer("SELECT count(*) FROM sqlite_master") == 0;
  if (!fresh && application != kApplicationId) {
    return make_error(ErrorCode::kCorrupt, "the file is an SQLite database of another program");
  }
  if (version > kSchemaVersion) {
    return make_error(ErrorCode::kUnsupported, "the file was written by a newer Blockwatch");
  }
  if (fresh) connection_.execute(kTables);
  if (fresh || version < kSchemaVersion) {
    connection_.execute(AuditChain::tables());
    seal_what_is_there();
    connection_.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
    connection_.execute("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  }
  transaction.commit();
  return {};
}

// What an older version has left; from here on a change of it is noticed.
void AuditTrail::seal_what_is_there() {
  for (const AuditBackupRecord& backup :
       select_backups("WHERE id > ?1 ORDER BY id LIMIT ?2", {0, kEverything})) {
    chain_.append(AuditEntryKind::kBackup, backup.id, backup_text(backup));
  }
  for (const AuditChangeRecord& change : select_changes("ORDER BY id")) {
    chain_.append(AuditEntryKind::kBegin, change.id, begin_text(change));
    if (change.state == AuditState::kStarted) continue;
    chain_.append(AuditEntryKind::kFinish, change.id, finish_of(change));
  }
}

std::string AuditTrail::fault_of_changes() {
  const std::int64_t covered = connection_.query_integer(
      "SELECT ifnull(min(subject), (SELECT 1 + ifnull(max(id), 0) FROM change)) FROM entry "
      "WHERE kind = 1");
  const auto bare = connection_.query_integer(
      "SELECT ifnull(min(subject), 0) FROM entry WHERE kind = 1 "
      "AND subject NOT IN (SELECT id FROM change)");
  if (bare != 0) return "change " + std::to_string(bare) + " is missing";
  for (const AuditChangeRecord& change : select_changes("ORDER BY id")) {
    if (change.id < covered) continue;
    const auto begun = chain_.text_of(AuditEntryKind::kBegin, change.id);
    const auto finished = chain_.text_of(AuditEntryKind::kFinish, change.id);
    const bool open = change.state == AuditState::kStarted;
    bool fits = begun == begin_text(change) && finished.has_value() != open &&
                (open || *finished == finish_of(change));
    if (change.state == AuditState::kReverted) {
      auto by = connection_.use("SELECT 1 FROM change WHERE reverts = ? AND state IN (1, 3)");
      by->bind(1, change.id);
      fits = fits && by->step();
    }
    if (!fits) return "change " + std::to_string(change.id) + " was changed";
  }
  return {};
}

std::string AuditTrail::fault_of_backups() {
  auto rows = connection_.use(
      "SELECT subject FROM entry WHERE kind = 0 AND subject NOT IN (SELECT id FROM backup) "
      "AND subject > (SELECT ifnull(max(subject), 0) FROM entry WHERE kind = 0) - ?");
  rows->bind(1, keep_);
  if (rows->step()) return "backup " + std::to_string(rows->integer(0)) + " is missing";
  for (const AuditBackupRecord& backup :
       select_backups("WHERE id > ?1 ORDER BY id LIMIT ?2", {0, kEverything})) {
    const auto kept = chain_.text_of(AuditEntryKind::kBackup, backup.id);
    if (kept && *kept != backup_text(backup)) {
      return "backup " + std::to_string(backup.id) + " was changed";
    }
  }
  return {};
}

// Numbers in the statements are those of AuditRevert and AuditState.
void AuditTrail::end_earlier_reverts(const AuditChangeRecord& change) {
  const auto run = [&](std::string_view sql) {
    auto statement = connection_.use(sql);
    statement->bind(1, change.id);
    if (sql.find("?2") != std::string_view::npos) statement->bind_optional(2, change.reverts);
    statement->run();
  };
  // A temporary change of what is temporary already goes back to where that began.
  run("UPDATE setting SET revert_to = p.revert_to FROM setting p WHERE setting.change = ?1 "
      "AND p.revert = 1 AND p.subcategory = setting.subcategory");
  run("UPDATE change SET state = 3 WHERE id = (SELECT reverts FROM change WHERE id = ?1)");
  run("UPDATE setting SET revert = CASE WHEN change = ?2 THEN 2 ELSE 3 END WHERE revert = 1 "
      "AND subcategory IN (SELECT subcategory FROM setting WHERE change = ?1)");
  run("UPDATE setting SET revert = 1 WHERE change = "
      "(SELECT id FROM change WHERE id = ?1 AND revert_time IS NOT NULL)");
}

}  // namespace blockwatch
