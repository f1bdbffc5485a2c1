#include "storage/schema.h"

#include <array>
#include <string>

#include "storage/sqlite_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

// Numbers above 2^63 (ids are 64-bit unsigned in the records) are kept as the same 64 bits.
constexpr const char* kTables = R"sql(
CREATE TABLE text(id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE);

CREATE TABLE application(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, name TEXT NOT NULL);

CREATE TABLE raw_template(id INTEGER PRIMARY KEY, definition BLOB NOT NULL);

CREATE TABLE shape(
  id INTEGER PRIMARY KEY,
  event_id INTEGER NOT NULL,
  event_version INTEGER NOT NULL,
  direction INTEGER,
  protocol INTEGER,
  icmp_type INTEGER,
  icmp_code INTEGER,
  reason INTEGER NOT NULL,
  host INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  source INTEGER NOT NULL,
  user INTEGER NOT NULL,
  filter_name INTEGER NOT NULL,
  filter_origin INTEGER NOT NULL,
  layer INTEGER NOT NULL,
  layer_id INTEGER,
  interface_index INTEGER,
  raw_template INTEGER NOT NULL);

CREATE TABLE event(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  shape INTEGER NOT NULL,
  record_id INTEGER,
  application INTEGER NOT NULL,
  process_id INTEGER,
  local_address,
  local_port INTEGER,
  remote_address,
  remote_port INTEGER,
  filter_id INTEGER,
  raw BLOB);

CREATE TABLE run(
  id INTEGER PRIMARY KEY,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  min_time INTEGER NOT NULL,
  max_time INTEGER NOT NULL,
  in_order INTEGER NOT NULL);
CREATE TABLE posting(run INTEGER, field INTEGER, value, position INTEGER, data BLOB NOT NULL,
                     PRIMARY KEY(run, field, value, position)) WITHOUT ROWID;

CREATE TABLE hour_shape(hour INTEGER, shape INTEGER, n INTEGER NOT NULL,
                        PRIMARY KEY(hour, shape)) WITHOUT ROWID;

CREATE TABLE batch(first_seq INTEGER PRIMARY KEY, received_time INTEGER NOT NULL);

CREATE TABLE source(
  name TEXT PRIMARY KEY,
  position TEXT NOT NULL,
  stored INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  damaged INTEGER NOT NULL,
  last_event_time INTEGER,
  updated INTEGER NOT NULL);

CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  newest_seq INTEGER NOT NULL,
  deleted_through INTEGER NOT NULL,
  run_change INTEGER NOT NULL,
  rows INTEGER NOT NULL);
INSERT INTO state VALUES(1, 0, 0, 0, 0);
)sql";

std::string quoted(std::string_view word) { return "'" + std::string(word) + "'"; }

template <class Enum>
std::string words_case(std::string_view column) {
  std::string sql = "CASE " + std::string(column);
  int value = 0;
  for (std::string_view word : words<Enum>()) {
    sql += " WHEN " + std::to_string(value++) + " THEN " + quoted(word);
  }
  return sql + " END";
}

template <class ToWord>
std::string event_id_case(ToWord to) {
  std::string sql = "CASE s.event_id";
  for (std::uint16_t id : kEventIds) {
    sql += " WHEN " + std::to_string(id) + " THEN " + quoted(to(id));
  }
  return sql + " END";
}

std::string protocol_case() {
  std::string sql = "CASE s.protocol";
  for (int number = 0; number < 256; ++number) {
    std::string_view name = protocol_name(static_cast<std::uint8_t>(number));
    if (!name.empty()) sql += " WHEN " + std::to_string(number) + " THEN " + quoted(name);
  }
  return sql + " END";
}

std::string time_text(const std::string& ticks) {
  return "strftime('%Y-%m-%dT%H:%M:%S', (" + ticks +
         ") / 10000000, 'unixepoch') || printf('.%07dZ', (" + ticks + ") % 10000000)";
}

std::string address_text(const std::string& column) {
  std::string sql = "CASE typeof(" + column + ") WHEN 'integer' THEN printf('%d.%d.%d.%d', " +
                    column + " >> 24 & 255, " + column + " >> 16 & 255, " + column +
                    " >> 8 & 255, " + column + " & 255) WHEN 'blob' THEN lower(";
  for (int group = 0; group < 8; ++group) {
    if (group > 0) sql += " || ':' || ";
    sql += "substr(hex(" + column + "), " + std::to_string(group * 4 + 1) + ", 4)";
  }
  return sql + ") END";
}

std::string text_of(const std::string& column) {
  return "(SELECT value FROM text WHERE id = " + column + ")";
}

// For people with the sqlite3 shell: the contract's words. The program does not read it.
std::string events_view() {
  return "CREATE VIEW events AS SELECT CAST(e.seq AS TEXT) AS id, e.seq AS seq, " +
         time_text("e.time") + " AS time, " +
         time_text(
             "(SELECT received_time FROM batch WHERE first_seq <= e.seq "
             "ORDER BY first_seq DESC LIMIT 1)") +
         " AS received_time, " + text_of("s.source") + " AS source, " + text_of("s.host") +
         " AS host, e.record_id AS record_id, s.event_id AS event_id, "
         "s.event_version AS event_version, " +
         event_id_case([](std::uint16_t id) { return to_word(action_of(id)); }) + " AS action, " +
         event_id_case([](std::uint16_t id) { return to_word(scope_of(id)); }) + " AS scope, " +
         words_case<Direction>("s.direction") + " AS direction, s.protocol AS protocol, " +
         protocol_case() + " AS protocol_name, " + address_text("e.local_address") +
         " AS local_address, e.local_port AS local_port, " + address_text("e.remote_address") +
         " AS remote_address, e.remote_port AS remote_port, s.icmp_type AS icmp_type, "
         "s.icmp_code AS icmp_code, e.process_id AS process_id, a.path AS application, "
         "a.name AS application_name, " +
         text_of("s.user") + " AS user, e.filter_id AS filter_id, " + text_of("s.filter_name") +
         " AS filter_name, " + text_of("s.filter_origin") +
         " AS filter_origin, s.layer_id AS layer_id, " + text_of("s.layer") +
         " AS layer, s.interface_index AS interface_index, " + words_case<Reason>("s.reason") +
         " AS reason, s.raw_template AS raw_template FROM event e JOIN shape s ON s.id = e.shape "
         "LEFT JOIN application a ON a.id = e.application";
}

std::string first_version() { return kTables + events_view(); }

// What makes the events of a source incomplete; times as in event, first_record 0 when none is
// known.
constexpr const char* kCoverage = R"sql(
CREATE TABLE coverage(
  source TEXT NOT NULL,
  kind TEXT NOT NULL,
  start_time INTEGER NOT NULL,
  end_time INTEGER,
  first_record INTEGER NOT NULL,
  last_record INTEGER,
  missing INTEGER,
  detail TEXT NOT NULL,
  before_seq INTEGER NOT NULL,
  PRIMARY KEY(source, kind, start_time, first_record, detail)) WITHOUT ROWID;
CREATE INDEX coverage_before_seq ON coverage(before_seq);
)sql";

std::string coverage_table() { return kCoverage; }

// Facts that follow each other closely are one, with a count; settings are numbers.
std::string counted_coverage_and_settings() {
  return "ALTER TABLE coverage ADD COLUMN count INTEGER NOT NULL DEFAULT 1;"
         "CREATE TABLE setting(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;";
}

// Each step leads from its index to the next version. Never change a step that was released.
constexpr std::array kMigrations{first_version, coverage_table, counted_coverage_and_settings};

}  // namespace

int newest_schema_version() noexcept { return static_cast<int>(kMigrations.size()); }

Result<void> check_schema(SqlConnection& connection) {
  auto version = connection.query_integer("PRAGMA user_version");
  auto application = connection.query_integer("PRAGMA application_id");
  if (application != kApplicationId) {
    return make_error(ErrorCode::kCorrupt, "the file is an SQLite database of another program");
  }
  if (version > newest_schema_version()) {
    return make_error(ErrorCode::kUnsupported,
                      "the store has schema version " + std::to_string(version) +
                          ", written by a newer Blockwatch; this one reads up to version " +
                          std::to_string(newest_schema_version()));
  }
  return {};
}

Result<void> migrate(SqlConnection& connection) {
  auto objects = connection.query_integer("SELECT count(*) FROM sqlite_master");
  auto version = connection.query_integer("PRAGMA user_version");
  bool fresh = objects == 0 && version == 0;
  if (!fresh) {
    if (auto ours = check_schema(connection); !ours) return ours;
  }
  for (auto step = static_cast<std::size_t>(version); step < kMigrations.size(); ++step) {
    SqlTransaction transaction(connection, SqlTransaction::Kind::kWrite);
    connection.execute(kMigrations.at(step)());
    connection.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
    connection.execute("PRAGMA user_version = " + std::to_string(step + 1));
    transaction.commit();
  }
  return {};
}

}  // namespace blockwatch
