#include "storage/raw_codec.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "storage/varint.h"

namespace blockwatch {
namespace {

constexpr std::uint8_t kFirstConstant = 32;  // choices from here on are constants of the field
constexpr std::size_t kMaxFamilies = 4096;   // kept in memory; more start afresh

void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out.append(text);
}

// Reads from the front; false when the bytes end too early.
bool take_text(std::string_view& in, std::string_view& text) {
  std::uint64_t size = 0;
  if (!take_varint(in, size) || size > in.size()) return false;
  text = in.substr(0, static_cast<std::size_t>(size));
  in.remove_prefix(text.size());
  return true;
}

using Buffer = std::array<char, 64>;

// The text of a column; nullopt when the event has no such value.
template <class Number>
std::optional<std::string_view> text_of(const std::optional<Number>& value, Buffer& buffer) {
  if (!value) return std::nullopt;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::uint64_t{*value}).ptr;
  return std::string_view(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
}

std::optional<std::string_view> text_of(const std::optional<IpAddress>& address, Buffer& buffer) {
  if (!address) return std::nullopt;
  const char* end = format_ip_address(*address, buffer.data());
  return std::string_view(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
}

std::optional<std::string_view> text_of(std::string_view text, Buffer&) {
  if (text.empty()) return std::nullopt;
  return text;
}

// is_text_of(text, value) is text_of(value) == text, mostly without making the text: every value of
// every event is compared so.
template <class Number>
bool is_text_of(std::string_view text, const std::optional<Number>& value) {
  constexpr std::size_t kSafeDigits = 19;  // any number of so many digits has 64 bits
  if (!value || text.empty()) return false;
  if (text.size() > kSafeDigits) {
    Buffer buffer;
    return text_of(value, buffer) == text;
  }
  std::uint64_t number = 0;
  for (char c : text) {
    const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
    if (digit > 9) return false;
    number = number * 10 + digit;
  }
  return number == *value && (text.front() != '0' || text.size() == 1);
}

bool is_text_of(std::string_view text, const std::optional<IpAddress>& address) {
  Buffer buffer;
  return address && same_text(*text_of(address, buffer), text);
}

bool is_text_of(std::string_view text, std::string_view value) {
  return !value.empty() && same_text(text, value);
}

// visit(column) for the column a rule stands for; `other` when it stands for none.
template <class Visit, class Other>
Other with_column(RawRule rule, const Event& event, const Visit& visit, Other other) {
  switch (rule) {
    case RawRule::kProcessId:
      return visit(event.process_id);
    case RawRule::kApplication:
      return visit(event.application);
    case RawRule::kLocalAddress:
      return visit(event.local_address);
    case RawRule::kLocalPort:
      return visit(event.local_port);
    case RawRule::kRemoteAddress:
      return visit(event.remote_address);
    case RawRule::kRemotePort:
      return visit(event.remote_port);
    case RawRule::kProtocol:
      return visit(event.protocol);
    case RawRule::kFilterId:
      return visit(event.filter_id);
    case RawRule::kLayerId:
      return visit(event.layer_id);
    case RawRule::kInterfaceIndex:
      return visit(event.interface_index);
    case RawRule::kUser:
      return visit(event.user);
    case RawRule::kFilterOrigin:
      return visit(event.filter_origin);
    case RawRule::kFilterName:
      return visit(event.filter_name);
    case RawRule::kLayer:
      return visit(event.layer);
    case RawRule::kHost:
      return visit(event.host);
    case RawRule::kRecordId:
      return visit(event.record_id);
    case RawRule::kIcmpType:
      return visit(event.icmp_type);
    case RawRule::kIcmpCode:
      return visit(event.icmp_code);
    case RawRule::kLiteral:
    case RawRule::kInterned:
    case RawRule::kConstant:
      break;
  }
  return other;
}

// The text a rule stands for; nullopt when the event has no such value or the rule is not derived.
std::optional<std::string_view> derived(RawRule rule, const Event& event, Buffer& buffer) {
  return with_column(
      rule, event, [&](const auto& column) { return text_of(column, buffer); },
      std::optional<std::string_view>());
}

bool is_derived(RawRule rule, const Event& event, std::string_view value) {
  const auto is_it = [&](const auto& column) { return is_text_of(value, column); };
  return rule > RawRule::kConstant && with_column(rule, event, is_it, false);
}

}  // namespace

std::string to_bytes(const RawTemplate& raw_template) {
  std::string bytes;
  put_varint(bytes, raw_template.size());
  for (const RawTemplateField& field : raw_template) {
    put_text(bytes, field.name);
    bytes.push_back(static_cast<char>(field.rule));
    if (field.rule == RawRule::kConstant) put_text(bytes, field.constant);
  }
  return bytes;
}

Result<RawTemplate> parse_raw_template(std::string_view bytes) {
  auto broken = [] { return make_error(ErrorCode::kCorrupt, "a raw template is damaged"); };
  std::uint64_t count = 0;
  if (!take_varint(bytes, count) || count > bytes.size()) return broken();
  RawTemplate result;
  for (; count > 0; --count) {
    std::string_view name;
    if (!take_text(bytes, name) || bytes.empty()) return broken();
    auto rule = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (rule > static_cast<std::uint8_t>(RawRule::kIcmpCode)) return broken();
    std::string_view constant;
    if (RawRule{rule} == RawRule::kConstant && !take_text(bytes, constant)) return broken();
    result.push_back({std::string(name), RawRule{rule}, std::string(constant)});
  }
  if (!bytes.empty()) return broken();
  return result;
}

RawEncoder::Family& RawEncoder::family_of(std::span<const RawField> raw) {
  auto same_name = [](const RawField& x, const Field& y) { return same_text(x.name, y.name); };
  if (last_family_ != nullptr && std::equal(raw.begin(), raw.end(), last_family_->fields.begin(),
                                            last_family_->fields.end(), same_name)) {
    return *last_family_;
  }
  names_.clear();
  for (const RawField& field : raw) put_text(names_, field.name);
  auto found = families_.find(names_);
  if (found != families_.end()) return *(last_family_ = &found->second);
  if (families_.size() >= kMaxFamilies) families_.clear();
  Family family;
  for (const RawField& field : raw) family.fields.push_back({std::string(field.name), {}, {}});
  last_family_ = &families_.emplace(names_, std::move(family)).first->second;
  return *last_family_;
}

void RawEncoder::remember(std::uint32_t id, const RawTemplate& raw_template) {
  std::vector<RawField> names;
  for (const RawTemplateField& field : raw_template) names.push_back({field.name, {}});
  Family& family = family_of(names);
  std::vector<std::uint8_t> choices;
  for (std::size_t i = 0; i < raw_template.size(); ++i) {
    const RawTemplateField& from = raw_template[i];
    auto& constants = family.fields[i].constants;
    if (from.rule != RawRule::kConstant) {
      choices.push_back(static_cast<std::uint8_t>(from.rule));
      continue;
    }
    auto at = std::find(constants.begin(), constants.end(), from.constant);
    auto index = static_cast<std::size_t>(at - constants.begin());
    if (index >= kMaxConstants) return;  // not ours: usable for reading, not for writing
    if (at == constants.end()) constants.push_back(from.constant);
    choices.push_back(static_cast<std::uint8_t>(kFirstConstant + index));
  }
  family.templates.emplace(std::move(choices), id);
}

bool RawEncoder::fits(std::uint8_t choice, const Field& field, const Event& event,
                      std::string_view value) {
  if (choice < kFirstConstant) return is_derived(RawRule{choice}, event, value);
  return same_text(field.constants[choice - std::size_t{kFirstConstant}], value);
}

std::uint8_t RawEncoder::choose(std::uint8_t& last, Field& field, const Event& event,
                                std::string_view value, bool may_grow) {
  auto& constants = field.constants;
  auto at = std::find(constants.begin(), constants.end(), value);
  if (at == constants.end() || last < kFirstConstant) {
    for (auto r = static_cast<std::uint8_t>(RawRule::kProcessId);
         r <= static_cast<std::uint8_t>(RawRule::kIcmpCode); ++r) {
      if (is_derived(RawRule{r}, event, value)) return last = r;
    }
  }
  if (at != constants.end() ||
      (may_grow && value.size() < kMinInternedBytes && constants.size() < kMaxConstants)) {
    auto index = at - constants.begin();
    if (at == constants.end()) constants.emplace_back(value);
    return last = static_cast<std::uint8_t>(kFirstConstant + index);
  }
  return static_cast<std::uint8_t>(value.size() < kMinInternedBytes ? RawRule::kLiteral
                                                                    : RawRule::kInterned);
}

std::uint32_t RawEncoder::encode(const Event& event, const AddTemplate& add_template,
                                 const Intern& intern, std::string& row) {
  row.clear();
  if (event.raw.empty()) return 0;
  Family& family = family_of(event.raw);
  bool may_grow = family.templates.size() < kMaxTemplates;
  choices_.resize(event.raw.size());
  const std::size_t way = way_of(event);
  for (std::size_t i = 0; i < event.raw.size(); ++i) {
    // The choice of the last event first: it is nearly always right, and equal values (a loopback
    // connection) then do not make templates of their own.
    Field& field = family.fields[i];
    std::uint8_t& choice = field.last_choices[way];
    std::string_view value = event.raw[i].value;
    choices_[i] =
        fits(choice, field, event, value) ? choice : choose(choice, field, event, value, may_grow);
  }
  if (!may_grow && !family.templates.contains(choices_)) {
    std::fill(choices_.begin(), choices_.end(), static_cast<std::uint8_t>(RawRule::kLiteral));
  }
  for (std::size_t i = 0; i < event.raw.size(); ++i) {
    std::string_view value = event.raw[i].value;
    if (RawRule{choices_[i]} == RawRule::kInterned) {
      if (auto id = intern(value)) {
        put_varint(row, *id);
        continue;
      }
      choices_[i] = static_cast<std::uint8_t>(RawRule::kLiteral);
    }
    if (RawRule{choices_[i]} == RawRule::kLiteral) put_text(row, value);
  }
  Last& last = family.last[way];
  if (last.raw_template != 0 && last.choices == choices_) return last.raw_template;
  auto known = family.templates.find(choices_);
  if (known != family.templates.end()) {
    last = {choices_, known->second};
    return known->second;
  }
  RawTemplate made;
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    const Field& field = family.fields[i];
    if (choices_[i] >= kFirstConstant) {
      std::size_t index = choices_[i] - std::size_t{kFirstConstant};
      made.push_back({field.name, RawRule::kConstant, field.constants[index]});
    } else {
      made.push_back({field.name, RawRule{choices_[i]}, {}});
    }
  }
  std::uint32_t id = add_template(to_bytes(made));
  family.templates.emplace(choices_, id);
  last = {choices_, id};
  return id;
}

Result<std::span<const RawField>> decode_raw(const RawTemplate& raw_template, const Event& event,
                                             std::string_view row, const RawText& text,
                                             TextArena& arena) {
  auto broken = [] {
    return make_error(ErrorCode::kCorrupt, "the raw values of an event do not fit their template");
  };
  auto fields = arena.array<RawField>(raw_template.size());
  Buffer buffer;
  for (std::size_t i = 0; i < raw_template.size(); ++i) {
    const RawTemplateField& from = raw_template[i];
    std::string_view value;
    if (from.rule == RawRule::kLiteral) {
      if (!take_text(row, value)) return broken();
    } else if (from.rule == RawRule::kInterned) {
      std::uint64_t id = 0;
      if (!take_varint(row, id) || id > 0xffffffffU) return broken();
      value = text(static_cast<std::uint32_t>(id));
    } else if (from.rule == RawRule::kConstant) {
      value = from.constant;
    } else {
      auto rebuilt = derived(from.rule, event, buffer);
      if (!rebuilt) return broken();
      value = *rebuilt;
    }
    fields[i] = {arena.copy(from.name), arena.copy(value)};
  }
  if (!row.empty()) return broken();
  return fields;
}

}  // namespace blockwatch
