#include "storage/row_internal.h"
#include "storage/store_internal.h"

namespace blockwatch {

Page StoreReader::Impl::page(const PageQuery& query) {
  Page page;
  page.newest_seq = state_.newest_seq;
  std::uint64_t snapshot = query.cursor ? query.cursor->snapshot_seq : state_.newest_seq;
  use_filter(query.filter);
  if (query.count) page.total = count(query.filter, snapshot);
  if (filter_.nothing) return page;
  bool descending = query.order == Order::kNewestFirst;
  std::int64_t first = filter_.first_key;
  std::int64_t last = filter_.last_key;
  if (query.cursor) {
    if (descending) {
      last = std::min(last, query.cursor->last_key - 1);
    } else {
      first = std::max(first, query.cursor->last_key + 1);
    }
  }
  std::int64_t last_key = 0;
  bool more = false;
  RowReader reader(connection_, dictionary_, page.list, query.raw);
  auto rows =
      connection_.use(std::string("SELECT ") + kRowColumns + (query.raw ? ", e.raw" : "") +
                      " FROM event e NOT INDEXED WHERE e.key BETWEEN ? AND ? AND e.seq <= ?" +
                      filter_.conditions + " ORDER BY e.key " + (descending ? "DESC" : "ASC"));
  rows->bind(1, first);
  rows->bind(2, last);
  rows->bind(3, static_cast<std::int64_t>(snapshot));
  bind_filter(*rows, 4);
  while (rows->step()) {
    if (page.list.events.size() == query.limit) {
      more = true;
      break;
    }
    reader.add(*rows);
    last_key = rows->integer(0);
  }
  if (more) page.next = PageCursor{last_key, snapshot};
  return page;
}

}  // namespace blockwatch
