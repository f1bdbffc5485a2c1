#pragma once
// The journal of the trail: each entry has the hash of the one before it in its own, so that one
// that was edited, put in or taken out is noticed. Entries are only added, and go from the oldest.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/audit_store.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

// What entries are about; kept in the file.
enum class AuditEntryKind : std::uint8_t { kBackup, kBegin, kFinish };

// Text that no other list of values gives: each with its length.
class ChainText {
 public:
  ChainText& add(std::string_view value);
  ChainText& add(std::int64_t value) { return add(std::to_string(value)); }
  ChainText& add(const std::optional<std::int64_t>& value) {
    return value ? add(*value) : add(std::string_view("-"));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Belongs to the store; inside its transactions. Throws SQLite::Exception.
class AuditChain {
 public:
  explicit AuditChain(SqlConnection& connection) : connection_(connection) {}

  static const char* tables();

  void append(AuditEntryKind kind, std::int64_t subject, const std::string& text);
  // Forgets the entries before the one that began this change, if it is there.
  void forget_before(std::int64_t change);

  void append(AuditRefusal& refusal);  // fills its id

  // Forgets what is beyond so many of the newest.
  void forget_entries(std::int64_t keep) { forget(Journal::kEntries, keep); }
  void forget_refusals(std::int64_t keep) { forget(Journal::kRefusals, keep); }

  std::string head() { return last(Journal::kEntries).hash; }

  // The journals by themselves: what they say of the other tables is the store's business.
  AuditChainReport check();

  // The newest text of an entry; nothing: there is none.
  std::optional<std::string> text_of(AuditEntryKind kind, std::int64_t subject);

 private:
  enum class Journal : std::uint8_t { kEntries, kRefusals };
  struct Link {
    std::int64_t id = 0;
    std::string hash;
  };
  Link last(Journal journal);
  Link anchor(Journal journal);
  void set_anchor(Journal journal, const Link& link);
  void forget(Journal journal, std::int64_t keep);
  void forget_through(Journal journal, const Link& link);
  std::string check(Journal journal, AuditChainReport& report);

  SqlConnection& connection_;
};

// What was changed of the reverts, which follow from the changes (themselves told by the journal);
// empty: nothing. Throws SQLite::Exception.
std::string fault_of_reverts(SqlConnection& connection);

// Of the columns id, time, operation, who, client, peer, token_id, status, counted.
AuditRefusal refusal_at(const SqlStatement& row);

// What an entry says, from the record it is about.
std::string begin_text(const AuditChangeRecord& change);
std::string finish_text(AuditState state, const std::string& error);
std::string backup_text(const AuditBackupRecord& backup);

}  // namespace blockwatch
