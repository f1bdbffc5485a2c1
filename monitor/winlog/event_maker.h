#pragma once
// Fields of an Event by the role of their names; inline, because readers of floods live in it.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/winlog/address_memo.h"
#include "monitor/winlog/codes.h"
#include "monitor/winlog/event_fields.h"

namespace blockwatch::winlog {

namespace detail {

// A whole number, decimal or with 0x in hexadecimal; nullopt when it is anything else or too large.
std::optional<std::uint64_t> long_number(std::string_view text) noexcept;
inline std::optional<std::uint64_t> number(std::string_view text) noexcept {
  constexpr std::size_t kSafeDigits = std::numeric_limits<std::uint32_t>::digits10;
  if (text.empty() || text.size() > kSafeDigits) return long_number(text);
  std::uint32_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<std::uint32_t>(c) - '0';
    if (digit > 9) return long_number(text);
    value = value * 10 + digit;
  }
  return value;
}

// Absent values are written as "-" by Windows and left empty by some collectors.
inline std::string_view text_or_absent(std::string_view value) noexcept {
  return value == "-" ? std::string_view{} : value;
}

// Whether a field that is set already keeps its value.
enum class Again : std::uint8_t { kKeep, kReplace };

template <Again again, class Field>
void put(Field& field, const Field& value) noexcept {
  if (again == Again::kReplace || field == Field{}) field = value;
}

template <Again again, class T>
void put_number(std::optional<T>& field, std::optional<std::uint64_t> value) noexcept {
  const bool fits = value && *value <= std::numeric_limits<T>::max();
  put<again>(field, fits ? std::optional<T>(static_cast<T>(*value)) : std::nullopt);
}

// Requires is_number(role).
template <Again again>
void set_number(Event& event, FieldRole role, std::optional<std::uint64_t> value) noexcept {
  switch (role) {
    case FieldRole::kProcessId:
      return put<again>(event.process_id, value);
    case FieldRole::kSourcePort:
      return put_number<again>(event.local_port, value);
    case FieldRole::kDestPort:
      return put_number<again>(event.remote_port, value);
    case FieldRole::kProtocol:
      return put_number<again>(event.protocol, value);
    case FieldRole::kInterfaceIndex:
      return put_number<again>(event.interface_index, value);
    case FieldRole::kFilterId:
      return put<again>(event.filter_id, value);
    default:
      return put<again>(event.layer_id, value);
  }
}

// Sets what the role says; `read_address` reads the text of an address.
template <Again again, class ReadAddress>
void set_text(Event& event, FieldRole role, std::string_view text, ReadAddress read_address) {
  switch (role) {
    case FieldRole::kOther:
      return;
    case FieldRole::kSourcePort:
      return put_number<again>(event.local_port, number(text));
    case FieldRole::kDestPort:
      return put_number<again>(event.remote_port, number(text));
    case FieldRole::kApplication:
      return put<again>(event.application, text_or_absent(text));
    case FieldRole::kDirection:
      return put<again>(event.direction, direction_of(text));
    case FieldRole::kSourceAddress:
      return put<again>(event.local_address, read_address(text));
    case FieldRole::kDestAddress:
      return put<again>(event.remote_address, read_address(text));
    case FieldRole::kFilterOrigin:
      return put<again>(event.filter_origin, text_or_absent(text));
    case FieldRole::kFilterName:
      return put<again>(event.filter_name, text_or_absent(text));
    case FieldRole::kLayerName:
      return put<again>(event.layer, layer_word(text));
    case FieldRole::kRemoteUserId:
      return put<again>(event.user, text == "S-1-0-0" ? std::string_view{} : text_or_absent(text));
    default:
      return set_number<again>(event, role, number(text));
  }
}

}  // namespace detail

// to_event in steps, for records that have much in common with the one before. Remembers what it
// found out last. One thread.
class EventMaker {
 public:
  // Sets what the role stands for, or leaves it absent when the value cannot be read.
  void set_text(Event& fields, FieldRole role, std::string_view text) {
    detail::set_text<detail::Again::kReplace>(
        fields, role, text,
        [this](std::string_view t) -> decltype(auto) { return addresses_.read(t); });
  }
  // The same for is_number(role), where the format holds a number: saves reading its text.
  static void set_number(Event& fields, FieldRole role, std::uint64_t number) {
    detail::set_number<detail::Again::kReplace>(fields, role, number);
  }
  // Adds the event with these fields, none of which two names of the record stand for, to `events`.
  // Requires that misplaced(system) finds nothing.
  void add(const Event& fields, const SystemFields& system, std::span<const RawField> data,
           std::vector<Event>& events);

 private:
  std::optional<Reason> default_filter(std::string_view origin);

  AddressMemo addresses_;
  std::string origin_;  // what default_filter_ was found for
  std::optional<Reason> default_filter_;
};

}  // namespace blockwatch::winlog
