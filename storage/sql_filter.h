#pragma once
// A Filter as SQL conditions on the table `event e`, with bound values only.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "storage/query.h"

namespace blockwatch {

class Dictionary;

// An integer, or the bytes of a blob.
using SqlValue = std::variant<std::int64_t, std::string>;

struct SqlRange {  // both ends inclusive, both of one type
  SqlValue low;
  SqlValue high;
  bool single() const { return low == high; }
};

// Numbers for which a test is kept beside the statement, by id.
using IdSet = std::vector<bool>;

// A filter that an index can answer: a row matches when one of the columns is in one of the ranges.
struct IndexCandidate {
  std::vector<std::string> columns;  // each has the index event_<column>
  std::vector<SqlRange> ranges;
};

struct SqlFilter {
  bool nothing = false;    // no stored event can match
  std::string conditions;  // " AND ..." for each condition, without the bounds of the key
  std::vector<SqlValue> values;
  std::int64_t first_key = 0;  // inclusive bounds of the key
  std::int64_t last_key = INT64_MAX;

  // What the SQL function id_in(SLOT, id) tests, by slot.
  std::optional<IdSet> shapes;             // 0
  std::optional<IdSet> applications;       // 1
  std::optional<IdSet> text_shapes;        // 2: shapes that have the text of `q`
  std::optional<IdSet> text_applications;  // 3
  std::string text;                        // q, for address_has(address)

  std::vector<IndexCandidate> candidates;
  std::vector<std::uint32_t> wanted_shapes;  // the ids in `shapes`, when that is set
  std::vector<SqlRange> process_ids;         // single values only, else empty
  std::vector<SqlRange> filter_ids;
  // Only shapes and the bounds of time decide: counts per hour can answer.
  bool by_shape_only = false;
};

// `max_borrow` is the largest number of ticks a key is later than its event.
SqlFilter compile_filter(const Filter& filter, const Dictionary& dictionary,
                         std::int64_t max_borrow);

}  // namespace blockwatch
