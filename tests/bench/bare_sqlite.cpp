#include "tests/bench/bare_sqlite.h"

#include <vector>

#include "tests/bench/sqlite_tools.h"

namespace blockwatch::bench {
namespace {

std::vector<std::string> texts(Database& db, const std::string& sql) {
  Statement ask(db, sql);
  std::vector<std::string> all;
  while (ask.step()) all.push_back(ask.text(0));
  return all;
}

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

// One table on its way from the one file to the other.
class TableCopy {
 public:
  TableCopy(Database& from, Database& to, const std::string& name)
      : TableCopy(from, to, quoted(name), column_list(from, name)) {}

  std::uint64_t rows() const { return rows_; }

  // Up to the share `part` of `parts` of all rows.
  void read(std::uint64_t part, std::uint64_t parts) {
    for (const std::uint64_t end = rows_ * part / parts; read_ < end && select_.step(); ++read_) {
      for (int i = 0; i < columns_; ++i) {
        values_.push_back(sqlite3_value_dup(sqlite3_column_value(select_.get(), i)));
      }
    }
  }
  void insert() {
    for (std::size_t at = 0; at < values_.size();) {
      for (int i = 0; i < columns_; ++i) sqlite3_bind_value(insert_.get(), i + 1, values_[at++]);
      insert_.step();
      sqlite3_reset(insert_.get());
    }
  }
  void forget() {
    for (auto* value : values_) sqlite3_value_free(value);
    values_.clear();
  }

 private:
  // Without generated columns, which cannot be inserted.
  static std::vector<std::string> column_list(Database& from, const std::string& name) {
    std::vector<std::string> columns = texts(
        from, "SELECT name FROM pragma_table_xinfo('" + name + "') WHERE hidden = 0 ORDER BY cid");
    for (auto& column : columns) column = quoted(column);
    return columns;
  }
  static std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
    return text;
  }

  TableCopy(Database& from, Database& to, const std::string& name,
            const std::vector<std::string>& columns)
      : columns_(static_cast<int>(columns.size())),
        rows_(std::stoull(texts(from, "SELECT count(*) FROM " + name).at(0))),
        select_(from, "SELECT " + joined(columns) + " FROM " + name),
        insert_(to, "INSERT INTO " + name + "(" + joined(columns) + ") VALUES(" +
                        joined(std::vector<std::string>(columns.size(), "?")) + ")") {}

  int columns_;
  std::uint64_t rows_;
  Statement select_;
  Statement insert_;
  std::uint64_t read_ = 0;
  std::vector<sqlite3_value*> values_;
};

}  // namespace

BareCopy bare_copy(const std::string& from, const std::string& to, std::uint64_t transactions) {
  BareCopy result;
  Clock::time_point closing;
  {
    Database source(from);
    Database target(to);
    for (const std::string pragma : {"page_size", "auto_vacuum"}) {
      target.run("PRAGMA " + pragma + "=" + texts(source, "PRAGMA " + pragma).at(0));
    }
    target.prepare_for_writing();
    for (const auto& sql :
         texts(source,
               "SELECT sql FROM sqlite_master WHERE type IN ('table', 'index') AND "
               "sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC")) {
      target.run(sql);
    }
    std::vector<TableCopy> tables;
    for (const auto& name : texts(source,
                                  "SELECT name FROM sqlite_master WHERE type = 'table' AND "
                                  "name NOT LIKE 'sqlite_%'")) {
      tables.emplace_back(source, target, name);
      result.rows += tables.back().rows();
    }
    result.tables = tables.size();
    for (std::uint64_t part = 1; part <= transactions; ++part) {
      for (auto& table : tables) table.read(part, transactions);
      const auto start = Clock::now();
      const double cpu_start = cpu_seconds();
      target.run("BEGIN IMMEDIATE");
      for (auto& table : tables) table.insert();
      target.run("COMMIT");
      result.cpu_seconds += cpu_seconds() - cpu_start;
      result.seconds += seconds_since(start);
      for (auto& table : tables) table.forget();
    }
    closing = Clock::now();
  }
  // As the store's time has it: what the log holds is moved into the file.
  result.seconds += seconds_since(closing);
  return result;
}

}  // namespace blockwatch::bench
