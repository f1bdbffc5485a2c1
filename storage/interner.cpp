#include "storage/interner_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

// Beyond these the caches start again, so that hostile input cannot fill the memory. Texts and
// applications are then found in the file; a shape may get a second number, which is harmless.
constexpr std::size_t kMaxCachedTexts = 100'000;
constexpr std::size_t kMaxCachedShapes = 100'000;
// Raw texts beyond this many are kept in the rows.
constexpr std::uint32_t kMaxInternedTexts = 1'000'000;

// 0 for absent, else the value and one: a place in a packed key.
template <class T>
std::uint64_t packed(const std::optional<T>& value) {
  return value ? static_cast<std::uint64_t>(*value) + 1 : 0;
}

}  // namespace

// Fields that may be absent arrive as value + 1, or 0.
Interner::ShapeKey Interner::shape_key(const ShapeNumbers& n) {
  return {
      n.event_id | n.event_version << 16 | n.direction << 24 | n.protocol << 32 | n.reason << 48,
      n.icmp_type | n.icmp_code << 12 | n.has_layer_id << 24 | n.interface_index << 28,
      n.layer_id,
      n.host | n.channel << 32,
      n.source | n.user << 32,
      n.filter_name | n.filter_origin << 32,
      n.layer | n.raw_template << 32};
}

std::size_t Interner::ShapeKeyHash::operator()(const ShapeKey& key) const noexcept {
  return TextHash{}({reinterpret_cast<const char*>(key.data()), sizeof key});
}

Interner::Interner(SqlConnection& connection) : connection_(connection), classes_(1, 0) {
  SqlStatement templates(connection.handle(), "SELECT id, definition FROM raw_template");
  while (templates.step()) {
    auto parsed = parse_raw_template(templates.bytes(1));
    if (!parsed) throw SQLite::Exception("a raw template is damaged", SQLITE_CORRUPT);
    raw_.remember(static_cast<std::uint32_t>(templates.integer(0)), *parsed);
  }
  SqlStatement rows(connection.handle(),
                    "SELECT id, event_id, event_version, direction, protocol, icmp_type, "
                    "icmp_code, reason, host, channel, source, user, filter_name, filter_origin, "
                    "layer, layer_id, interface_index, raw_template, "
                    "(SELECT value FROM text WHERE text.id = host), "
                    "(SELECT value FROM text WHERE text.id = channel) FROM shape ORDER BY id");
  while (rows.step()) {
    auto number = [&](int column) { return static_cast<std::uint64_t>(rows.integer(column)); };
    auto optional = [&](int column) { return rows.is_null(column) ? 0 : number(column) + 1; };
    if (number(0) != classes_.size()) {
      throw SQLite::Exception("the shapes are not numbered without holes", SQLITE_CORRUPT);
    }
    auto id = static_cast<std::uint32_t>(number(0));
    ShapeKey key =
        shape_key({number(1), number(2), optional(3), optional(4), optional(5), optional(6),
                   number(7), number(8), number(9), number(10), number(11), number(12), number(13),
                   number(14), number(15), rows.is_null(15) ? 0U : 1U, optional(16), number(17)});
    if (shapes_.size() < kMaxCachedShapes) shapes_.emplace(key, id);
    std::string host(rows.bytes(18));
    learn_class(id, host, rows.bytes(19), static_cast<std::uint16_t>(number(1)));
  }
}

Interner::Numbers Interner::numbers_of(const Event& event, std::string& raw_row) {
  auto add_template = [&](const std::string& bytes) {
    auto insert = connection_.use("INSERT INTO raw_template(definition) VALUES(?)");
    insert->bind_blob(1, bytes);
    insert->run();
    return static_cast<std::uint32_t>(sqlite3_last_insert_rowid(connection_.handle()));
  };
  auto intern = [&](std::string_view value) -> std::optional<std::uint32_t> {
    std::uint32_t id = text(value);
    if (id > kMaxInternedTexts) return std::nullopt;
    return id;
  };
  std::uint32_t raw_template = raw_.encode(event, add_template, intern, raw_row);
  Numbers numbers;
  numbers.application = application(event.application);
  numbers.shape = shape(event, raw_template);
  numbers.identity_class = classes_[numbers.shape];
  return numbers;
}

std::uint32_t Interner::identity_class_of(std::int64_t shape) const {
  if (shape < 1 || shape >= static_cast<std::int64_t>(classes_.size())) {
    throw SQLite::Exception("an event has a shape that does not exist", SQLITE_CORRUPT);
  }
  return classes_[static_cast<std::size_t>(shape)];
}

std::uint32_t Interner::text(std::string_view value) {
  if (value.empty()) return 0;
  auto known = texts_.find(value);
  if (known != texts_.end()) return known->second;
  std::uint32_t id = 0;
  {
    auto find = connection_.use("SELECT id FROM text WHERE value = ?");
    find->bind_text(1, value);
    if (find->step()) id = static_cast<std::uint32_t>(find->integer(0));
  }
  if (id == 0) {
    auto insert = connection_.use("INSERT INTO text(value) VALUES(?)");
    insert->bind_text(1, value);
    insert->run();
    id = static_cast<std::uint32_t>(sqlite3_last_insert_rowid(connection_.handle()));
  }
  if (texts_.size() >= kMaxCachedTexts) texts_.clear();
  texts_.emplace(value, id);
  return id;
}

std::uint32_t Interner::text(std::string_view value, LastText& last) {
  if (value.empty()) return 0;
  if (!same_text(last.text, value)) {
    last.id = text(value);
    last.text = value;
  }
  return last.id;
}

std::uint32_t Interner::application(std::string_view path) {
  if (path.empty()) return 0;
  auto known = applications_.find(path);
  if (known != applications_.end()) return known->second;
  std::uint32_t id = 0;
  {
    auto find = connection_.use("SELECT id FROM application WHERE path = ?");
    find->bind_text(1, path);
    if (find->step()) id = static_cast<std::uint32_t>(find->integer(0));
  }
  if (id == 0) {
    std::string name = application_name(path);
    auto insert = connection_.use("INSERT INTO application(path, name) VALUES(?, ?)");
    insert->bind_text(1, path);
    insert->bind_text(2, name);
    insert->run();
    id = static_cast<std::uint32_t>(sqlite3_last_insert_rowid(connection_.handle()));
  }
  if (applications_.size() >= kMaxCachedTexts) applications_.clear();
  applications_.emplace(path, id);
  return id;
}

std::uint32_t Interner::shape(const Event& event, std::uint32_t raw_template) {
  auto& last = last_[event.direction ? 1 + static_cast<std::size_t>(*event.direction) : 0];
  std::uint64_t host = text(event.host, last[0]);
  std::uint64_t channel = text(event.channel, last[1]);
  std::uint64_t source = text(event.source, last[2]);
  std::uint64_t user = text(event.user, last[3]);
  std::uint64_t filter_name = text(event.filter_name, last[4]);
  std::uint64_t filter_origin = text(event.filter_origin, last[5]);
  std::uint64_t layer = text(event.layer, last[6]);
  ShapeKey key = shape_key(
      {event.event_id, event.event_version, packed(event.direction), packed(event.protocol),
       packed(event.icmp_type), packed(event.icmp_code), static_cast<std::uint64_t>(event.reason),
       host, channel, source, user, filter_name, filter_origin, layer, event.layer_id.value_or(0),
       event.layer_id.has_value() ? 1U : 0U, packed(event.interface_index), raw_template});
  auto known = shapes_.find(key);
  if (known != shapes_.end()) return known->second;

  auto insert = connection_.use(
      "INSERT INTO shape(event_id, event_version, direction, protocol, icmp_type, icmp_code, "
      "reason, host, channel, source, user, filter_name, filter_origin, layer, layer_id, "
      "interface_index, raw_template) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  insert->bind(1, event.event_id);
  insert->bind(2, event.event_version);
  insert->bind_optional(3, event.direction);
  insert->bind_optional(4, event.protocol);
  insert->bind_optional(5, event.icmp_type);
  insert->bind_optional(6, event.icmp_code);
  insert->bind(7, static_cast<std::int64_t>(event.reason));
  insert->bind(8, static_cast<std::int64_t>(host));
  insert->bind(9, static_cast<std::int64_t>(channel));
  insert->bind(10, static_cast<std::int64_t>(source));
  insert->bind(11, static_cast<std::int64_t>(user));
  insert->bind(12, static_cast<std::int64_t>(filter_name));
  insert->bind(13, static_cast<std::int64_t>(filter_origin));
  insert->bind(14, static_cast<std::int64_t>(layer));
  insert->bind_optional(15, event.layer_id);
  insert->bind_optional(16, event.interface_index);
  insert->bind(17, raw_template);
  insert->run();
  auto id = static_cast<std::uint32_t>(sqlite3_last_insert_rowid(connection_.handle()));
  learn_class(id, event.host, event.channel, event.event_id);
  if (shapes_.size() >= kMaxCachedShapes) shapes_.clear();
  shapes_.emplace(key, id);
  return id;
}

void Interner::learn_class(std::uint32_t shape, std::string_view host, std::string_view channel,
                           std::uint16_t event_id) {
  // The length keeps "a" + "bc" and "ab" + "c" apart, whatever bytes the names hold.
  std::string key = std::to_string(host.size()) + ' ' + ascii_lowered(host) +
                    ascii_lowered(channel) + ' ' + std::to_string(event_id);
  auto next = static_cast<std::uint32_t>(class_ids_.size() + 1);
  if (classes_.size() <= shape) classes_.resize(std::size_t{shape} + 1);
  classes_[shape] = class_ids_.try_emplace(std::move(key), next).first->second;
}

}  // namespace blockwatch
