#include <string>

#include "storage/coverage_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr const char* kColumns =
    "SELECT source, kind, start_time, end_time, first_record, last_record, missing, detail, "
    "before_seq, count "
    "FROM coverage ";

// Outages of a source that cannot make up its mind, and losses of a flood, are one within this.
constexpr std::int64_t kFoldTicks = 600 * Timestamp::kTicksPerSecond;
constexpr std::int64_t kMostFacts = 20'000;

bool folds(CoverageKind kind) {
  return kind == CoverageKind::kSourceDown || kind == CoverageKind::kServiceDown ||
         kind == CoverageKind::kRecordsDropped || kind == CoverageKind::kRecordsDamaged;
}

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
  fact.count = static_cast<std::uint64_t>(row.integer(9));
  return fact;
}

// True: the newest of its kind became longer. What a log tells again when it is read again lies
// within and is not counted twice; records are damaged whenever they are read, at one moment.
bool fold(SqlConnection& connection, const std::string& source, const CoverageFact& fact,
          std::uint64_t before_seq) {
  if (!folds(fact.kind) || fact.first_record_id) return false;
  const bool may_overlap = !fact.end || fact.kind == CoverageKind::kRecordsDamaged;
  auto update = connection.use(
      "UPDATE coverage SET end_time = ?4, missing = missing + ?5, count = count + 1, "
      "before_seq = ?6 WHERE source = ?1 AND kind = ?2 AND detail = ?7 AND first_record = 0 "
      "AND end_time IS NOT NULL AND start_time = (SELECT max(start_time) FROM coverage WHERE "
      "source = ?1 AND kind = ?2) AND ?3 <= end_time + ?8 AND ?3 >= CASE WHEN ?9 THEN start_time "
      "ELSE end_time + 1 END AND (?4 IS NULL OR ?4 >= end_time)");
  update->bind_text(1, source);
  update->bind_text(2, to_word(fact.kind));
  update->bind(3, fact.start.ticks);
  update->bind_optional(4, fact.end ? std::optional(fact.end->ticks) : std::nullopt);
  update->bind_optional(5, fact.missing_records);
  update->bind(6, static_cast<std::int64_t>(before_seq));
  update->bind_text(7, fact.detail);
  update->bind(8, kFoldTicks);
  update->bind(9, may_overlap ? 1 : 0);
  update->run();
  return sqlite3_changes(connection.handle()) > 0;
}

void add(SqlConnection& connection, const std::string& source, const CoverageFact& fact,
         std::uint64_t before_seq) {
  auto insert = connection.use(
      "INSERT INTO coverage(source, kind, start_time, end_time, first_record, last_record, "
      "missing, detail, before_seq) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE "
      "CASE WHEN ?4 IS NULL "
      "THEN NOT EXISTS(SELECT 1 FROM coverage WHERE source = ?1 AND kind = ?2 AND end_time IS "
      "NULL) "
      "ELSE NOT EXISTS(SELECT 1 FROM coverage WHERE source = ?1 AND kind = ?2 AND detail = ?8 "
      "AND count > 1 AND end_time >= ?4 AND start_time = (SELECT max(start_time) FROM coverage "
      "WHERE source = ?1 AND kind = ?2 AND start_time < ?3)) END "
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
    } else if (!fold(connection, batch.source, fact, before_seq)) {
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

void note_deleted(SqlConnection& connection, const TimeSpan& times, std::uint64_t rows) {
  const auto write = [&](const char* sql) {
    auto change = connection.use(sql);
    change->bind_text(1, to_word(CoverageKind::kRowsDeleted));
    change->bind(2, times.first.ticks);
    change->bind(3, times.last.ticks);
    change->bind(4, static_cast<std::int64_t>(rows));
    change->run();
    return sqlite3_changes(connection.handle()) > 0;
  };
  if (write("UPDATE coverage SET start_time = min(start_time, ?2), end_time = max(end_time, ?3), "
            "missing = missing + ?4 WHERE source = '' AND kind = ?1")) {
    return;
  }
  write(
      "INSERT INTO coverage(source, kind, start_time, end_time, first_record, missing, detail, "
      "before_seq) VALUES('', ?1, ?2, ?3, 0, ?4, 'deleted by retention', 0)");
}

void bound_coverage(SqlConnection& connection) {
  if (connection.query_integer("SELECT count(*) FROM coverage") <= kMostFacts) return;
  const std::string oldest =
      " FROM coverage WHERE end_time IS NOT NULL AND before_seq > 0 AND start_time <= (SELECT "
      "start_time FROM coverage WHERE end_time IS NOT NULL AND before_seq > 0 "
      "ORDER BY start_time DESC LIMIT 1 OFFSET " +
      std::to_string(kMostFacts / 2) + ")";
  connection.execute(
      "CREATE TEMP TABLE folded AS SELECT CASE WHEN min(source) = max(source) THEN source ELSE '' "
      "END, kind, min(start_time), max(end_time), 0, NULL, "
      "CASE WHEN count(missing) = count(*) THEN sum(missing) END, 'several, long ago', "
      "max(before_seq), sum(count)" +
      oldest + " GROUP BY kind");
  connection.execute("DELETE" + oldest);
  connection.execute("INSERT INTO coverage SELECT * FROM folded");
  connection.execute("DROP TABLE folded");
}

std::optional<CoverageFact> last_set_aside(SqlConnection& connection) {
  auto row = connection.use(std::string(kColumns) +
                            "WHERE source = '' AND kind = ? ORDER BY end_time DESC LIMIT 1");
  row->bind_text(1, to_word(CoverageKind::kStoreSetAside));
  return row->step() ? std::optional(fact_at(*row)) : std::nullopt;
}

void delete_coverage(SqlConnection& connection, std::uint64_t deleted_through) {
  auto remove = connection.use(
      "DELETE FROM coverage WHERE before_seq BETWEEN 1 AND ?1 "
      "AND start_time >= (SELECT start_time FROM coverage WHERE source = '' AND kind = ?2) "
      "AND end_time <= (SELECT end_time FROM coverage WHERE source = '' AND kind = ?2)");
  remove->bind(1, static_cast<std::int64_t>(deleted_through));
  remove->bind_text(2, to_word(CoverageKind::kRowsDeleted));
  remove->run();
}

}  // namespace blockwatch
