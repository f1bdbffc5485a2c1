#pragma once
// What the rows' small numbers stand for, as one connection has read it. Grows with the store.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/event.h"
#include "storage/raw_codec.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

// The fields that take few combinations: an event keeps one number for all of them.
struct Shape {
  Event event;  // only the shape's fields; text lives in the Dictionary
  std::uint32_t raw_template = 0;
};

class Dictionary {
 public:
  explicit Dictionary(SqlConnection& connection) : connection_(connection) { forget(); }

  // Reads what was added since the last call. To be called inside the question's transaction.
  void refresh();
  // Starts again: what was read may have been rolled back.
  void forget();

  // By id; entry 0 stands for "absent".
  const std::vector<Shape>& shapes() const { return shapes_; }
  const std::vector<std::string_view>& applications() const { return applications_; }
  // Unknown ids mean a damaged file: throws SQLite::Exception with SQLITE_CORRUPT.
  const Shape& shape(std::int64_t id) const;
  std::string_view application(std::int64_t id) const;
  const RawTemplate& raw_template(std::uint32_t id);
  // Valid until the next call.
  std::string_view raw_text(std::uint32_t id);

 private:
  std::string_view shape_text(std::int64_t id);

  SqlConnection& connection_;
  std::vector<Shape> shapes_;
  std::vector<std::string_view> applications_;
  TextArena arena_;
  std::unordered_map<std::int64_t, std::string_view> shape_texts_;
  std::unordered_map<std::uint32_t, std::string> raw_texts_;
  std::unordered_map<std::uint32_t, RawTemplate> raw_templates_;
};

}  // namespace blockwatch
