#include "tests/bench/plain_sqlite.h"

#include <optional>
#include <string_view>
#include <unordered_map>

#include "tests/bench/sqlite_tools.h"
#include "tests/bench/traffic.h"

namespace blockwatch::bench {
namespace {

constexpr const char* kSchema = R"sql(
CREATE TABLE application(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE event(
  id INTEGER PRIMARY KEY, time INTEGER, record_id INTEGER, event_id INTEGER, direction INTEGER,
  protocol INTEGER, local_address BLOB, local_port INTEGER, remote_address BLOB,
  remote_port INTEGER, process_id INTEGER, application INTEGER, filter_id INTEGER,
  layer_id INTEGER, reason INTEGER, host TEXT);
CREATE INDEX event_time ON event(time);
CREATE INDEX event_application ON event(application, time);
CREATE INDEX event_remote_port ON event(remote_port, time);
CREATE INDEX event_direction ON event(direction, time);
)sql";

class PlainTable {
 public:
  explicit PlainTable(const std::string& path) : db_(path) {
    db_.prepare_for_writing();
    db_.run(kSchema);
    row_.emplace(db_, "INSERT INTO event VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    application_.emplace(db_, "INSERT INTO application VALUES(?,?)");
  }

  void insert(const EventList& list) {
    db_.run("BEGIN IMMEDIATE");
    for (const Event& e : list.events) add(e);
    db_.run("COMMIT");
  }

 private:
  void add(const Event& e) {
    number(1, e.time.ticks);
    number(2, static_cast<std::int64_t>(*e.record_id));
    number(3, e.event_id);
    number(4, static_cast<std::int64_t>(*e.direction));
    number(5, *e.protocol);
    address(6, *e.local_address);
    number(7, *e.local_port);
    address(8, *e.remote_address);
    number(9, *e.remote_port);
    number(10, static_cast<std::int64_t>(*e.process_id));
    number(11, application(e.application));
    number(12, static_cast<std::int64_t>(*e.filter_id));
    number(13, static_cast<std::int64_t>(*e.layer_id));
    number(14, static_cast<std::int64_t>(e.reason));
    text(*row_, 15, e.host);
    row_->step();
    sqlite3_reset(row_->get());
  }

  void number(int at, std::int64_t value) { sqlite3_bind_int64(row_->get(), at, value); }
  // IPv4 in four bytes.
  void address(int at, const IpAddress& value) {
    const std::size_t skip = value.is_v4() ? 12 : 0;
    sqlite3_bind_blob(row_->get(), at, value.bytes.data() + skip, static_cast<int>(16 - skip),
                      SQLITE_STATIC);
  }
  static void text(Statement& statement, int at, std::string_view value) {
    sqlite3_bind_text(statement.get(), at, value.data(), static_cast<int>(value.size()),
                      SQLITE_STATIC);
  }
  std::int64_t application(std::string_view path) {
    const auto [at, is_new] = applications_.try_emplace(
        std::string(path), static_cast<std::int64_t>(applications_.size() + 1));
    if (is_new) {
      sqlite3_bind_int64(application_->get(), 1, at->second);
      text(*application_, 2, path);
      application_->step();
      sqlite3_reset(application_->get());
    }
    return at->second;
  }

  Database db_;
  std::optional<Statement> row_;  // prepared once the schema is there
  std::optional<Statement> application_;
  std::unordered_map<std::string, std::int64_t> applications_;
};

}  // namespace

double plain_insert(const std::string& path, std::uint64_t rows, std::size_t transaction_rows) {
  PlainTable table(path);
  Traffic traffic = Traffic::of_a_month(rows);
  double seconds = 0;
  for (std::uint64_t done = 0; done < rows; done += transaction_rows) {
    const EventBatch batch = traffic.batch(transaction_rows);
    const auto start = Clock::now();
    table.insert(batch.list);
    seconds += seconds_since(start);
  }
  return seconds;
}

}  // namespace blockwatch::bench
