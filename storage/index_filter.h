#pragma once
// A Filter in the numbers of the index: conditions on the values of fields, joined by AND.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "storage/index_row_internal.h"
#include "storage/query.h"

namespace blockwatch {

class Dictionary;

template <class Value>
struct ValueRange {  // both ends inclusive
  Value low{};
  Value high{};
};

// A row passes when its value of the field is in one of the ranges (ascending, apart from each
// other) and, for addresses, its text contains `text`.
struct FieldTest {
  IndexField field = IndexField::kShape;
  std::vector<ValueRange<std::int64_t>> numbers;  // of a field of numbers
  std::vector<ValueRange<IpAddress>> addresses;   // of a field of 16-byte addresses
  std::string text;

  bool accepts(std::int64_t number) const;
  bool accepts(const IpAddress& address) const;
};

struct FieldValue {
  IndexField field = IndexField::kShape;
  std::int64_t number = 0;  // of a field of numbers
  IpAddress address{};      // of a field of 16-byte addresses
};
// Looking more values than this up would cost more than reading the lists between them.
inline constexpr std::size_t kFewValues = 24;

// A row passes when any of the tests does; `negated`: when none does.
struct Condition {
  std::vector<FieldTest> tests;
  bool negated = false;
  // All that the tests accept, when that is kFewValues or fewer.
  std::optional<std::vector<FieldValue>> values{};
};

// By shape id.
using IdSet = std::vector<bool>;

struct IndexFilter {
  bool nothing = false;  // no stored event can match
  std::vector<Condition> conditions;
  std::int64_t first_time = 0;  // ticks, inclusive
  std::int64_t end_time = 0;    // exclusive
  std::optional<IdSet> shapes;  // those that match, when shapes decide anything
  bool by_shape_only = false;   // only shapes and time decide: counts per hour can answer

  bool holds(const IndexRow& row) const;  // conditions and time
  // A row of the shape may match.
  bool may_have(std::int64_t shape) const {
    auto id = static_cast<std::size_t>(shape);
    return !shapes || (id < shapes->size() && (*shapes)[id]);
  }
};

// `in_time` is called now and then; it may throw.
IndexFilter compile_filter(const Filter& filter, const Dictionary& dictionary,
                           const std::function<void()>& in_time);

}  // namespace blockwatch
