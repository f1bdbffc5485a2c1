#include "storage/audit_chain_internal.h"

#include "storage/sha256.h"

namespace blockwatch {
namespace {

// What the first entry's hash goes on from.
const std::string& no_hash() {
  static const std::string kZeros(64, '0');
  return kZeros;
}

std::string link_hash(const std::string& before, const std::string& text) {
  std::string hash = sha256_hex(before + text);
  if (hash.empty()) throw SQLite::Exception("SHA-256 failed", SQLITE_NOMEM);
  return hash;
}

std::string entry_text(std::int64_t id, std::int64_t kind, std::int64_t subject,
                       std::string_view text) {
  return ChainText().add(id).add(kind).add(subject).add(text).text();
}

std::string refusal_text(const AuditRefusal& refusal) {
  return ChainText()
      .add(refusal.id)
      .add(refusal.time.ticks)
      .add(refusal.operation)
      .add(refusal.who)
      .add(refusal.client)
      .add(refusal.peer)
      .add(refusal.token_id)
      .add(std::int64_t{refusal.status})
      .add(refusal.counted)
      .text();
}

// Where a journal is kept; its name is also that of its sequence.
constexpr std::string_view kLastSql[] = {"SELECT id, hash FROM entry ORDER BY id DESC LIMIT 1",
                                         "SELECT id, hash FROM refusal ORDER BY id DESC LIMIT 1"};
constexpr std::string_view kBeyondSql[] = {
    "SELECT id, hash FROM entry WHERE id = (SELECT max(id) - ? FROM entry)",
    "SELECT id, hash FROM refusal WHERE id = (SELECT max(id) - ? FROM refusal)"};
constexpr std::string_view kForgetSql[] = {"DELETE FROM entry WHERE id <= ?",
                                           "DELETE FROM refusal WHERE id <= ?"};
constexpr std::string_view kSequenceSql[] = {
    "SELECT seq FROM sqlite_sequence WHERE name = 'entry'",
    "SELECT seq FROM sqlite_sequence WHERE name = 'refusal'"};
constexpr const char* kNames[] = {"entry ", "refusal "};

}  // namespace

ChainText& ChainText::add(std::string_view value) {
  text_ += std::to_string(value.size());
  text_ += ':';
  text_ += value;
  return *this;
}

std::string begin_text(const AuditChangeRecord& change) {
  ChainText text;
  text.add(change.time.ticks)
      .add(change.who)
      .add(change.client)
      .add(change.peer)
      .add(change.token_id)
      .add(static_cast<std::int64_t>(change.cause))
      .add(change.backup)
      .add(change.restores)
      .add(change.reverts)
      .add(change.revert_time ? std::optional(change.revert_time->ticks) : std::nullopt);
  for (const AuditSettingRecord& one : change.settings) {
    text.add(std::int64_t{one.subcategory})
        .add(std::int64_t{one.before})
        .add(std::int64_t{one.after});
  }
  return text.text();
}

std::string finish_text(AuditState state, const std::string& error) {
  return ChainText().add(static_cast<std::int64_t>(state)).add(error).text();
}

std::string backup_text(const AuditBackupRecord& backup) {
  return ChainText().add(backup.time.ticks).add(backup.who).add(backup.policy).text();
}

const char* AuditChain::tables() {
  return R"sql(
CREATE TABLE entry(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind INTEGER NOT NULL,
  subject INTEGER NOT NULL,
  text BLOB NOT NULL,
  hash TEXT NOT NULL);
CREATE INDEX entry_subject ON entry(subject, kind);

CREATE TABLE refusal(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time INTEGER NOT NULL,
  operation TEXT NOT NULL,
  who TEXT NOT NULL,
  client TEXT NOT NULL,
  peer TEXT NOT NULL,
  token_id TEXT NOT NULL,
  status INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  hash TEXT NOT NULL);

CREATE TABLE anchor(journal INTEGER PRIMARY KEY, id INTEGER NOT NULL, hash TEXT NOT NULL);

ALTER TABLE change ADD COLUMN peer TEXT NOT NULL DEFAULT '';
ALTER TABLE change ADD COLUMN token_id TEXT NOT NULL DEFAULT '';
)sql";
}

AuditChain::Link AuditChain::last(Journal journal) {
  auto row = connection_.use(kLastSql[static_cast<std::size_t>(journal)]);
  if (row->step()) return {row->integer(0), std::string(row->bytes(1))};
  return anchor(journal);
}

AuditChain::Link AuditChain::anchor(Journal journal) {
  auto row = connection_.use("SELECT id, hash FROM anchor WHERE journal = ?");
  row->bind(1, static_cast<std::int64_t>(journal));
  if (row->step()) return {row->integer(0), std::string(row->bytes(1))};
  return {0, no_hash()};
}

void AuditChain::set_anchor(Journal journal, const Link& link) {
  auto row = connection_.use("INSERT OR REPLACE INTO anchor VALUES(?, ?, ?)");
  row->bind(1, static_cast<std::int64_t>(journal));
  row->bind(2, link.id);
  row->bind_text(3, link.hash);
  row->run();
}

void AuditChain::append(AuditEntryKind kind, std::int64_t subject, const std::string& text) {
  const Link before = last(Journal::kEntries);
  const auto number = static_cast<std::int64_t>(kind);
  // Bound texts are not copied.
  const std::string hash = link_hash(before.hash, entry_text(before.id + 1, number, subject, text));
  auto row = connection_.use("INSERT INTO entry(id, kind, subject, text, hash) VALUES(?,?,?,?,?)");
  row->bind(1, before.id + 1);
  row->bind(2, number);
  row->bind(3, subject);
  row->bind_text(4, text);
  row->bind_text(5, hash);
  row->run();
}

void AuditChain::forget_before(std::int64_t change) {
  Link link;
  {
    auto row = connection_.use(
        "SELECT id, hash FROM entry WHERE id = "
        "(SELECT min(id) - 1 FROM entry WHERE subject = ? AND kind = 1)");
    row->bind(1, change);
    if (!row->step()) return;
    link = {row->integer(0), std::string(row->bytes(1))};
  }
  forget_through(Journal::kEntries, link);
}

void AuditChain::append(AuditRefusal& refusal) {
  const Link before = last(Journal::kRefusals);
  refusal.id = before.id + 1;
  const std::string hash = link_hash(before.hash, refusal_text(refusal));
  auto row = connection_.use(
      "INSERT INTO refusal(id, time, operation, who, client, peer, token_id, status, counted, hash)"
      " VALUES(?,?,?,?,?,?,?,?,?,?)");
  row->bind(1, refusal.id);
  row->bind(2, refusal.time.ticks);
  row->bind_text(3, refusal.operation);
  row->bind_text(4, refusal.who);
  row->bind_text(5, refusal.client);
  row->bind_text(6, refusal.peer);
  row->bind_text(7, refusal.token_id);
  row->bind(8, refusal.status);
  row->bind(9, refusal.counted);
  row->bind_text(10, hash);
  row->run();
}

void AuditChain::forget(Journal journal, std::int64_t keep) {
  Link link;
  {
    auto row = connection_.use(kBeyondSql[static_cast<std::size_t>(journal)]);
    row->bind(1, keep);
    if (!row->step()) return;
    link = {row->integer(0), std::string(row->bytes(1))};
  }
  forget_through(journal, link);
}

void AuditChain::forget_through(Journal journal, const Link& link) {
  set_anchor(journal, link);
  auto remove = connection_.use(kForgetSql[static_cast<std::size_t>(journal)]);
  remove->bind(1, link.id);
  remove->run();
}

std::optional<std::string> AuditChain::text_of(AuditEntryKind kind, std::int64_t subject) {
  auto row = connection_.use(
      "SELECT text FROM entry WHERE subject = ? AND kind = ? ORDER BY id DESC LIMIT 1");
  row->bind(1, subject);
  row->bind(2, static_cast<std::int64_t>(kind));
  return row->step() ? std::optional(std::string(row->bytes(0))) : std::nullopt;
}

AuditRefusal refusal_at(const SqlStatement& row) {
  AuditRefusal refusal;
  refusal.id = row.integer(0);
  refusal.time.ticks = row.integer(1);
  refusal.operation = row.bytes(2);
  refusal.who = row.bytes(3);
  refusal.client = row.bytes(4);
  refusal.peer = row.bytes(5);
  refusal.token_id = row.bytes(6);
  refusal.status = static_cast<std::int32_t>(row.integer(7));
  refusal.counted = row.integer(8);
  return refusal;
}

std::string AuditChain::check(Journal journal, AuditChainReport& report) {
  const bool of_entries = journal == Journal::kEntries;
  const std::string name = kNames[static_cast<std::size_t>(journal)];
  Link link = anchor(journal);
  if (of_entries) report.first_hash = link.hash;
  auto row =
      connection_.use(of_entries ? "SELECT id, kind, subject, text, hash FROM entry ORDER BY id"
                                 : "SELECT id, time, operation, who, client, peer, token_id, "
                                   "status, counted, hash FROM refusal ORDER BY id");
  std::string fault;
  while (fault.empty() && row->step()) {
    const std::int64_t id = row->integer(0);
    const std::string text = of_entries
                                 ? entry_text(id, row->integer(1), row->integer(2), row->bytes(3))
                                 : refusal_text(refusal_at(*row));
    std::string hash = link_hash(link.hash, text);
    if (id != link.id + 1) {
      fault = name + std::to_string(link.id + 1) + " is missing";
    } else if (hash != row->bytes(of_entries ? 4 : 9)) {
      fault = name + std::to_string(id) + " was changed";
    }
    link = {id, std::move(hash)};
    ++(of_entries ? report.entries : report.refusals);
  }
  if (of_entries) report.last_hash = link.hash;
  // What was taken off the end has still been counted.
  auto sequence = connection_.use(kSequenceSql[static_cast<std::size_t>(journal)]);
  const std::int64_t highest = sequence->step() ? sequence->integer(0) : 0;
  if (fault.empty() && highest > link.id)
    fault = name + std::to_string(link.id + 1) + " is missing";
  return fault;
}

AuditChainReport AuditChain::check() {
  AuditChainReport report;
  report.fault = check(Journal::kEntries, report);
  if (report.fault.empty()) report.fault = check(Journal::kRefusals, report);
  return report;
}

}  // namespace blockwatch
