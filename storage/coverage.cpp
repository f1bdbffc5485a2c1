#include <string>

#include "storage/coverage_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr const char* kColumns =
    "SELECT source, kind, start_time, end_time, first_record, last_record, missing, detail, "
    "before_seq "
    "FROM coverage ";

CoverageFact fact_at(const SqlStatement& row) {
  const auto number = [&row](int column) -> std::optional<std::uint64_t> {
    if (row.is_null(column)) return std::nullopt;
    return static_cast<std::uint64_t>(row.integer(column));
  };
  CoverageFact fact;
  fact.source = row.bytes(0);
  const auto kind = from_word<CoverageKind>(row.bytes(1));
  if (!kind) throw SQLite::Exception("an unknown kind in the table coverage", SQLITE_CORRUPT);
  fact.kind = *kind;
  fact.start = Timestamp{row.integer(2)};
  if (!row.is_null(3)) fact.end = Timestamp{row.integer(3)};
  if (row.integer(4) != 0) fact.first_record_id = number(4);
  fact.last_record_id = number(5);
  fact.missing_records = number(6);
  fact.detail = row.bytes(7);
  fact.before_seq = static_cast<std::uint64_t>(row.integer(8));
  return fact;
}

void add(SqlConnection& connection, const std::string& source, const CoverageFact& fact,
         std::uint64_t before_seq) {
  auto insert = connection.use(
      "INSERT INTO coverage(source, kind, start_time, end_time, first_record, last_record, "
      "missing, detail, before_seq) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE ?4 IS NOT NULL "
      "OR NOT EXISTS(SELECT 1 FROM coverage WHERE source = ?1 AND kind = ?2 AND end_time IS NULL) "
      "ON CONFLICT DO UPDATE SET end_time = ?4, last_record = ?6, missing = ?7 "
      "WHERE end_time < ?4 OR ?4 IS NULL");
  insert->bind_text(1, source);
  insert->bind_text(2, to_word(fact.kind));
  insert->bind(3, fact.start.ticks);
  insert->bind_optional(4, fact.end ? std::optional(fact.end->ticks) : std::nullopt);
  insert->bind(5, static_cast<std::int64_t>(fact.first_record_id.value_or(0)));
  insert->bind_optional(6, fact.last_record_id);
  insert->bind_optional(7, fact.missing_records);
  insert->bind_text(8, fact.detail);
  insert->bind(9, static_cast<std::int64_t>(before_seq));
  insert->run();
}

void end_open(SqlConnection& connection, const std::string& source, const CoverageFact& fact) {
  auto update = connection.use(
      "UPDATE coverage SET end_time = ?3, missing = ?4 "
      "WHERE source = ?1 AND kind = ?2 AND end_time IS NULL AND start_time <= ?3");
  update->bind_text(1, source);
  update->bind_text(2, to_word(fact.kind));
  update->bind(3, fact.end.value_or(fact.start).ticks);
  update->bind_optional(4, fact.missing_records);
  update->run();
}

}  // namespace

void write_coverage(SqlConnection& connection, const EventBatch& batch, std::uint64_t before_seq) {
  for (const CoverageFact& fact : batch.facts) {
    if (fact.ends_open) {
      end_open(connection, batch.source, fact);
    } else {
      add(connection, batch.source, fact, before_seq);
    }
  }
}

std::vector<CoverageFact> coverage_between(SqlConnection& connection, std::uint64_t after,
                                           std::uint64_t through) {
  auto rows =
      connection.use(std::string(kColumns) +
                     "WHERE before_seq > ? AND before_seq <= ? ORDER BY before_seq, start_time");
  rows->bind(1, static_cast<std::int64_t>(after));
  rows->bind(2, static_cast<std::int64_t>(through));
  std::vector<CoverageFact> facts;
  while (rows->step()) facts.push_back(fact_at(*rows));
  return facts;
}

Coverage read_coverage(SqlConnection& connection, const CoverageQuery& query) {
  auto rows = connection.use(std::string(kColumns) +
                             "WHERE (end_time IS NULL OR end_time >= ?1) AND start_time < ?2 "
                             "ORDER BY start_time DESC, source, kind, detail LIMIT ?3");
  rows->bind(1, query.since.value_or(kMinTimestamp).ticks);
  rows->bind(2, query.until.value_or(kMaxTimestamp).ticks);
  rows->bind(3, std::int64_t{query.limit} + 1);
  Coverage coverage;
  while (rows->step()) {
    if (coverage.facts.size() == query.limit) {
      coverage.more = true;
      break;
    }
    coverage.facts.push_back(fact_at(*rows));
  }
  return coverage;
}

std::optional<CoverageFact> last_set_aside(SqlConnection& connection) {
  auto row = connection.use(std::string(kColumns) +
                            "WHERE source = '' AND kind = ? ORDER BY end_time DESC LIMIT 1");
  row->bind_text(1, to_word(CoverageKind::kStoreSetAside));
  return row->step() ? std::optional(fact_at(*row)) : std::nullopt;
}

void delete_coverage(SqlConnection& connection, std::uint64_t deleted_through) {
  auto remove =
      connection.use("DELETE FROM coverage WHERE before_seq <= ? AND end_time IS NOT NULL");
  remove->bind(1, static_cast<std::int64_t>(deleted_through));
  remove->run();
}

}  // namespace blockwatch
