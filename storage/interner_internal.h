#pragma once
// The writer's side of the dictionaries: finds or adds the numbers for an event's texts.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/event.h"
#include "storage/raw_codec.h"
#include "storage/short_text.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

class Interner {
 public:
  // Reads the shapes and templates that exist. Throws SQLite::Exception.
  explicit Interner(SqlConnection& connection);

  struct Numbers {
    std::uint32_t shape = 0;
    std::uint32_t application = 0;
    // Equal for events that agree in host and channel (without ASCII case) and event_id.
    std::uint32_t identity_class = 0;
  };
  // `raw_row` is replaced by the row's part of the raw values.
  Numbers numbers_of(const Event& event, std::string& raw_row);

  // Of a stored row. Throws SQLite::Exception when there is no such shape.
  std::uint32_t identity_class_of(std::int64_t shape) const;

 private:
  struct ShapeNumbers {
    std::uint64_t event_id, event_version, direction, protocol, icmp_type, icmp_code, reason, host,
        channel, source, user, filter_name, filter_origin, layer, layer_id, has_layer_id,
        interface_index, raw_template;
  };
  using ShapeKey = std::array<std::uint64_t, 7>;
  static ShapeKey shape_key(const ShapeNumbers& numbers);
  struct ShapeKeyHash {
    std::size_t operator()(const ShapeKey& key) const noexcept;
  };
  using TextCache = std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>>;

  // The text a field had last: neighbouring events mostly agree.
  struct LastText {
    std::string text;
    std::uint32_t id = 0;
  };
  std::uint32_t text(std::string_view value);
  std::uint32_t text(std::string_view value, LastText& last);
  std::uint32_t application(std::string_view path);
  std::uint32_t shape(const Event& event, std::uint32_t raw_template);
  void learn_class(std::uint32_t shape, std::string_view host, std::string_view channel,
                   std::uint16_t event_id);

  SqlConnection& connection_;
  RawEncoder raw_;
  TextCache texts_;
  TextCache applications_;
  std::array<std::array<LastText, 7>, 4> last_;  // by direction, or none: it decides most of them
  std::unordered_map<ShapeKey, std::uint32_t, ShapeKeyHash> shapes_;
  std::vector<std::uint32_t> classes_;  // by shape id
  TextCache class_ids_;
};

}  // namespace blockwatch
