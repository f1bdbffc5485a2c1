#include <algorithm>
#include <array>
#include <map>

#include "storage/row_internal.h"
#include "storage/statistics_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

using Text = std::optional<std::string>;

Text text_or_none(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

template <class Number>
Text number_or_none(const std::optional<Number>& number) {
  if (!number) return std::nullopt;
  return std::to_string(*number);
}

struct ShapeField {
  std::string_view name;
  Text (*value)(const Event& event);
};

constexpr std::array kShapeFields{
    ShapeField{"direction",
               [](const Event& e) {
                 return e.direction ? Text(std::string(to_word(*e.direction))) : Text();
               }},
    ShapeField{"action", [](const Event& e) { return Text(to_word(action_of(e.event_id))); }},
    ShapeField{"scope", [](const Event& e) { return Text(to_word(scope_of(e.event_id))); }},
    ShapeField{"protocol", [](const Event& e) { return number_or_none(e.protocol); }},
    ShapeField{"event_id", [](const Event& e) { return Text(std::to_string(e.event_id)); }},
    ShapeField{"reason", [](const Event& e) { return Text(to_word(e.reason)); }},
    ShapeField{"user", [](const Event& e) { return text_or_none(e.user); }},
    ShapeField{"filter_name", [](const Event& e) { return text_or_none(e.filter_name); }},
    ShapeField{"filter_origin", [](const Event& e) { return text_or_none(e.filter_origin); }},
    ShapeField{"layer", [](const Event& e) { return text_or_none(e.layer); }},
    ShapeField{"interface_index", [](const Event& e) { return number_or_none(e.interface_index); }},
    ShapeField{"host", [](const Event& e) { return text_or_none(e.host); }},
    ShapeField{"source", [](const Event& e) { return text_or_none(e.source); }},
};

// Fields whose values are columns with an index: distinct values are found by jumping along it.
struct ColumnField {
  std::string_view name;
  std::array<const char*, 2> columns;  // the second may be null
};
constexpr std::array kColumnFields{
    ColumnField{"remote_address", {"remote_address", nullptr}},
    ColumnField{"local_address", {"local_address", nullptr}},
    ColumnField{"address", {"remote_address", "local_address"}},
    ColumnField{"remote_port", {"remote_port", nullptr}},
    ColumnField{"local_port", {"local_port", nullptr}},
    ColumnField{"port", {"remote_port", "local_port"}},
};

std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Numbers by size, everything else without case.
bool comes_before(const std::string& x, const std::string& y) {
  if (all_digits(x) && all_digits(y)) return x.size() != y.size() ? x.size() < y.size() : x < y;
  std::string fx = folded(x);
  std::string fy = folded(y);
  return fx != fy ? fx < fy : x < y;
}

}  // namespace

Result<std::vector<ValueCount>> StoreReader::Impl::field_values(const std::string& field,
                                                                const std::string& prefix,
                                                                std::uint32_t limit) {
  std::string wanted = folded(prefix);
  std::map<std::string, std::uint64_t> found;
  auto add = [&](const Text& value, std::uint64_t n) {
    if (value && folded(*value).compare(0, wanted.size(), wanted) == 0) found[*value] += n;
  };
  auto finish = [&] {
    std::vector<ValueCount> values;
    values.reserve(found.size());
    for (auto& [value, n] : found) values.push_back({value, n});
    std::sort(values.begin(), values.end(),
              [](const auto& x, const auto& y) { return comes_before(*x.value, *y.value); });
    if (values.size() > limit) values.resize(limit);
    return values;
  };

  for (const ShapeField& known : kShapeFields) {
    if (known.name != field) continue;
    auto rows = connection_.use("SELECT shape, sum(n) FROM hour_shape GROUP BY shape");
    while (rows->step()) {
      add(known.value(dictionary_.shape(rows->integer(0)).event),
          static_cast<std::uint64_t>(rows->integer(1)));
    }
    return finish();
  }

  bool path = field == "application";
  bool name = field == "application_name";
  if (path || name || field == "process_id" || field == "filter_id") {
    auto rows =
        connection_.use("SELECT value, sum(n) FROM hour_value WHERE field = ? GROUP BY value");
    RollupField which = field == "process_id"  ? RollupField::kProcessId
                        : field == "filter_id" ? RollupField::kFilterId
                                               : RollupField::kApplication;
    rows->bind(1, static_cast<std::int64_t>(which));
    while (rows->step()) {
      auto n = static_cast<std::uint64_t>(rows->integer(1));
      if (path || name) {
        std::string_view text = dictionary_.application(rows->integer(0));
        add(name ? Text(application_name(text)) : Text(text), n);
      } else {
        add(number_text(rows->integer(0)), n);
      }
    }
    return finish();
  }

  for (const ColumnField& known : kColumnFields) {
    if (known.name != field) continue;
    return column_values(known.columns[0], known.columns[1], wanted, limit);
  }
  return make_error(ErrorCode::kNotFound, "there is no list of values for \"" + field + "\"");
}

std::vector<ValueCount> StoreReader::Impl::column_values(const char* column, const char* other,
                                                         const std::string& prefix,
                                                         std::uint32_t limit) {
  // Integers are ports or IPv4, blobs are IPv6, as the map's order has them.
  std::map<IpAddress, std::uint64_t> addresses;
  std::map<std::int64_t, std::uint64_t> numbers;
  bool is_address = std::string_view(column).ends_with("address");
  for (const char* side : {column, other}) {
    if (side == nullptr) continue;
    std::string next = std::string("SELECT min(") + side + ") FROM event WHERE " + side + " > ?";
    auto rows = connection_.use(next);
    rows->bind(1, INT64_MIN);
    std::string held;
    while (rows->step() && !rows->is_null(0)) {
      std::int64_t number = rows->integer(0);
      bool is_blob = rows->type(0) == SQLITE_BLOB;
      held = std::string(rows->bytes(0));
      IpAddress address = is_address ? *address_at(*rows, 0) : IpAddress{};
      std::string text = is_address ? format_ip_address(address) : number_text(number);
      if (text.compare(0, prefix.size(), prefix) == 0) {
        if (is_address) {
          addresses[address] = 0;
        } else {
          numbers[number] = 0;
        }
      }
      rows->reset();
      if (is_blob) {
        rows->bind_blob(1, held);
      } else {
        rows->bind(1, number);
      }
    }
  }
  std::vector<ValueCount> values;
  std::string sql = std::string("SELECT count(*) FROM event WHERE ") + column + " = ?1";
  if (other != nullptr) sql += std::string(" OR ") + other + " = ?1";
  auto count = connection_.use(sql);
  auto add = [&](std::string text) {
    if (count->step())
      values.push_back({std::move(text), static_cast<std::uint64_t>(count->integer(0))});
    count->reset();
    return values.size() < limit;
  };
  if (limit == 0) return values;
  for (const auto& [address, unused] : addresses) {
    bind_address(*count, 1, address);
    if (!add(format_ip_address(address))) return values;
  }
  for (const auto& [number, unused] : numbers) {
    count->bind(1, number);
    if (!add(number_text(number))) return values;
  }
  return values;
}

}  // namespace blockwatch
