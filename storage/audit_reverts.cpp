#include <map>
#include <set>

#include "storage/audit_chain_internal.h"

namespace blockwatch {
namespace {

constexpr auto kPending = static_cast<std::int64_t>(AuditRevert::kPending);

// A setting that is to be put back, as the table has it.
struct Awaited {
  std::int64_t change = 0;
  std::int64_t revert = kPending;
  std::int64_t revert_to = 0;
};

std::string fault_of(std::int64_t change) {
  return "what is to be put back of change " + std::to_string(change) + " was changed";
}

}  // namespace

std::string fault_of_reverts(SqlConnection& connection) {
  // In the order in which they were finished. First come those without an entry of that: not
  // finished, or so old that it was forgotten; such are followed, and not judged.
  auto row = connection.use(
      "SELECT c.id, c.state, c.reverts, c.revert_time IS NOT NULL, s.subcategory, s.before, "
      "s.revert, s.revert_to, "
      "(SELECT max(id) FROM entry WHERE kind = 2 AND subject = c.id) AS finished "
      "FROM change c JOIN setting s ON s.change = c.id ORDER BY finished, c.id, s.subcategory");
  // Where entries were forgotten, the first change of a subcategory may have gone on from one that
  // was, too.
  const bool from_the_first = connection.query_integer("SELECT ifnull(min(id), 1) FROM entry") == 1;
  std::set<std::int64_t> known;             // subcategories
  std::map<std::int64_t, Awaited> awaited;  // by subcategory
  while (row->step()) {
    const std::int64_t change = row->integer(0);
    const auto state = static_cast<AuditState>(row->integer(1));
    const bool temporary = row->integer(3) != 0;
    const std::int64_t subcategory = row->integer(4);
    const std::int64_t revert = row->integer(6);
    const std::int64_t revert_to = row->integer(7);
    const bool done = state == AuditState::kDone || state == AuditState::kReverted;
    const bool judged = !done || !row->is_null(8);
    std::int64_t expected = row->integer(5);
    const auto earlier = done ? awaited.find(subcategory) : awaited.end();
    if (earlier != awaited.end()) {
      const Awaited& ended = earlier->second;
      const bool is_its_revert = !row->is_null(2) && row->integer(2) == ended.change;
      const auto how = is_its_revert ? AuditRevert::kDone : AuditRevert::kKept;
      if (judged && ended.revert != static_cast<std::int64_t>(how)) return fault_of(ended.change);
      expected = ended.revert_to;
      awaited.erase(earlier);
    }
    const bool follows = !done || !known.insert(subcategory).second || from_the_first;
    if (judged && follows && revert_to != expected) return fault_of(change);
    if (done && temporary) {
      awaited[subcategory] = {change, revert, revert_to};
    } else if (revert != 0) {
      return fault_of(change);
    }
  }
  for (const auto& [subcategory, one] : awaited) {
    if (one.revert != kPending) return fault_of(one.change);
  }
  return {};
}

}  // namespace blockwatch
