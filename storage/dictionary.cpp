#include "storage/dictionary_internal.h"

#include <limits>
#include <type_traits>

#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::size_t kMaxRawTexts = 20'000;
constexpr std::size_t kMaxRawTemplates = 20'000;

[[noreturn]] void throw_corrupt(const char* what) { throw SQLite::Exception(what, SQLITE_CORRUPT); }

// Tables are looked up by such numbers: none that means nothing may come out of a damaged file.
template <class T>
T value_at(const SqlStatement& row, int column) {
  std::int64_t most = 0;
  if constexpr (std::is_enum_v<T>) {
    most = static_cast<std::int64_t>(words<T>().size()) - 1;
  } else {
    most = std::numeric_limits<T>::max();
  }
  const std::int64_t value = row.integer(column);
  if (value < 0 || value > most) throw_corrupt("a shape has a value that means nothing");
  return static_cast<T>(value);
}

template <class T>
std::optional<T> optional_at(const SqlStatement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return value_at<T>(row, column);
}

}  // namespace

void Dictionary::forget() {
  shapes_.assign(1, Shape{});
  applications_.assign(1, {});
  shape_texts_.clear();
  raw_texts_.clear();
  raw_templates_.clear();
  arena_ = TextArena{};
}

void Dictionary::refresh() {
  auto rows = connection_.use(
      "SELECT id, event_id, event_version, direction, protocol, icmp_type, icmp_code, reason, "
      "host, channel, source, user, filter_name, filter_origin, layer, layer_id, "
      "interface_index, raw_template FROM shape WHERE id >= ? ORDER BY id");
  rows->bind(1, static_cast<std::int64_t>(shapes_.size()));
  while (rows->step()) {
    if (rows->integer(0) != static_cast<std::int64_t>(shapes_.size())) {
      throw_corrupt("the shapes are not numbered without holes");
    }
    Shape shape;
    Event& event = shape.event;
    event.event_id = value_at<std::uint16_t>(*rows, 1);
    if (!is_event_id(event.event_id)) throw_corrupt("a shape has an unknown event id");
    event.event_version = value_at<std::uint8_t>(*rows, 2);
    event.direction = optional_at<Direction>(*rows, 3);
    event.protocol = optional_at<std::uint8_t>(*rows, 4);
    event.icmp_type = optional_at<std::uint8_t>(*rows, 5);
    event.icmp_code = optional_at<std::uint8_t>(*rows, 6);
    event.reason = value_at<Reason>(*rows, 7);
    event.host = shape_text(rows->integer(8));
    event.channel = shape_text(rows->integer(9));
    event.source = shape_text(rows->integer(10));
    event.user = shape_text(rows->integer(11));
    event.filter_name = shape_text(rows->integer(12));
    event.filter_origin = shape_text(rows->integer(13));
    event.layer = shape_text(rows->integer(14));
    if (!rows->is_null(15)) event.layer_id = static_cast<std::uint64_t>(rows->integer(15));
    event.interface_index = optional_at<std::uint32_t>(*rows, 16);
    shape.raw_template = value_at<std::uint32_t>(*rows, 17);
    shapes_.push_back(shape);
  }
  auto applications = connection_.use("SELECT id, path FROM application WHERE id >= ? ORDER BY id");
  applications->bind(1, static_cast<std::int64_t>(applications_.size()));
  while (applications->step()) {
    if (applications->integer(0) != static_cast<std::int64_t>(applications_.size())) {
      throw_corrupt("the applications are not numbered without holes");
    }
    applications_.push_back(arena_.copy(applications->bytes(1)));
  }
}

const Shape& Dictionary::shape(std::int64_t id) const {
  if (id < 1 || id >= static_cast<std::int64_t>(shapes_.size())) {
    throw_corrupt("an event has a shape that does not exist");
  }
  return shapes_[static_cast<std::size_t>(id)];
}

std::string_view Dictionary::application(std::int64_t id) const {
  if (id < 0 || id >= static_cast<std::int64_t>(applications_.size())) {
    throw_corrupt("an event has an application that does not exist");
  }
  return applications_[static_cast<std::size_t>(id)];
}

std::string_view Dictionary::shape_text(std::int64_t id) {
  if (id == 0) return {};
  auto known = shape_texts_.find(id);
  if (known != shape_texts_.end()) return known->second;
  // Remembered only once it was read: the step may fail (a deadline) and be tried again.
  auto row = connection_.use("SELECT value FROM text WHERE id = ?");
  row->bind(1, id);
  if (!row->step()) throw_corrupt("a text that is referred to does not exist");
  return shape_texts_.emplace(id, arena_.copy(row->bytes(0))).first->second;
}

std::string_view Dictionary::raw_text(std::uint32_t id) {
  auto known = raw_texts_.find(id);
  if (known != raw_texts_.end()) return known->second;
  auto row = connection_.use("SELECT value FROM text WHERE id = ?");
  row->bind(1, id);
  if (!row->step()) throw_corrupt("a raw text that is referred to does not exist");
  if (raw_texts_.size() >= kMaxRawTexts) raw_texts_.clear();
  return raw_texts_.emplace(id, std::string(row->bytes(0))).first->second;
}

const RawTemplate& Dictionary::raw_template(std::uint32_t id) {
  auto known = raw_templates_.find(id);
  if (known != raw_templates_.end()) return known->second;
  auto row = connection_.use("SELECT definition FROM raw_template WHERE id = ?");
  row->bind(1, id);
  if (!row->step()) throw_corrupt("a raw template that is referred to does not exist");
  auto parsed = parse_raw_template(row->bytes(0));
  if (!parsed) throw_corrupt("a raw template is damaged");
  if (raw_templates_.size() >= kMaxRawTemplates) raw_templates_.clear();
  return raw_templates_.emplace(id, std::move(*parsed)).first->second;
}

}  // namespace blockwatch
