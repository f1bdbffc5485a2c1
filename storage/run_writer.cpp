#include "storage/run_writer_internal.h"

namespace blockwatch {
namespace {

// From the first row of one run to the last of another.
std::uint64_t rows_between(const Run& first, const Run& last) {
  return last.last_seq - first.first_seq + 1;
}

}  // namespace

int RunWriter::level_of(const Run& run) const {
  int level = 0;
  // Half the rows are enough, so that the runs of large commits need not be merged at once.
  for (std::uint64_t rows = std::uint64_t{run_rows_} * kFanOut / 2;
       level < kTopLevel && run.rows() >= rows; rows *= kFanOut) {
    ++level;
  }
  return level;
}

std::int64_t RunWriter::insert(const Run& run) {
  auto row = connection_.use(
      "INSERT INTO run(first_seq, last_seq, min_time, max_time, in_order) VALUES(?, ?, ?, ?, ?)");
  row->bind(1, static_cast<std::int64_t>(run.first_seq));
  row->bind(2, static_cast<std::int64_t>(run.last_seq));
  row->bind(3, run.min_time);
  row->bind(4, run.max_time);
  row->bind(5, run.in_order ? 1 : 0);
  row->run();
  return sqlite3_last_insert_rowid(connection_.handle());
}

void RunWriter::add(RunLists& lists) {
  const std::int64_t id = insert(lists.run());
  auto insert = connection_.use(kInsertPosting);
  insert->bind(1, id);
  lists.write(*insert);
}

void RunWriter::remove(const Run& run) {
  for (const char* sql : {"DELETE FROM posting WHERE run = ?", "DELETE FROM run WHERE id = ?"}) {
    auto remove = connection_.use(sql);
    remove->bind(1, run.id);
    remove->run();
  }
}

bool RunWriter::sweep(std::uint64_t max_blocks) {
  Run run;
  {
    auto emptied = connection_.use(
        "SELECT id FROM run WHERE last_seq <= (SELECT deleted_through FROM state) LIMIT 1");
    if (!emptied->step()) return false;
    run.id = emptied->integer(0);
  }
  // Nothing when the run has no more blocks than this.
  auto some = connection_.use(
      "DELETE FROM posting WHERE run = ?1 AND (field, value, position) < (SELECT field, value, "
      "position FROM posting WHERE run = ?1 ORDER BY field, value, position LIMIT 1 OFFSET ?2)");
  some->bind(1, run.id);
  some->bind(2, static_cast<std::int64_t>(max_blocks));
  some->run();
  // The run itself goes last: its number could be given again.
  if (sqlite3_changes(connection_.handle()) == 0) remove(run);
  return true;
}

std::size_t RunWriter::first_to_merge(const std::vector<Run>& runs) const {
  int level = level_of(runs.back());
  std::size_t last = runs.size() - 1;
  std::size_t first = last;
  // Small runs before a larger one (of a large commit) would stay small for ever: they join it.
  while (first != 0 && level_of(runs[first - 1]) < level) --first;
  if (first == last) {
    while (first != 0 && level_of(runs[first - 1]) == level) --first;
    std::uint64_t enough = run_rows_;
    for (int i = 0; i <= level; ++i) enough *= kFanOut;
    if (level == kTopLevel || rows_between(runs[first], runs[last]) < enough) return runs.size();
  }
  return rows_between(runs[first], runs[last]) <= kMaxRunRows ? first : runs.size();
}

bool RunWriter::merge(std::vector<Run> runs) {
  bool changed = false;
  while (!runs.empty()) {
    std::size_t first = first_to_merge(runs);
    if (first == runs.size()) break;
    Run made = merged(std::span(runs).subspan(first));
    runs.resize(first);
    runs.push_back(made);
    changed = true;
  }
  return changed;
}

}  // namespace blockwatch
