#pragma once
// Fields of an Event by the role of their names; inline, because readers of floods live in it.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/winlog/event_fields.h"
#include "monitor/winlog/quick_address.h"

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

template <class T>
std::optional<T> fitting(std::optional<std::uint64_t> value) noexcept {
  const bool fits = value && *value <= std::numeric_limits<T>::max();
  return fits ? std::optional<T>(static_cast<T>(*value)) : std::nullopt;
}

}  // namespace detail

// to_event in steps, for records that have much in common with the one before. Remembers what it
// found out last. One thread.
class EventMaker {
 public:
  // Sets what the role stands for, or leaves it absent when the value cannot be read.
  void set_text(Event& fields, FieldRole role, std::string_view text) {
    using namespace detail;
    switch (role) {
      case FieldRole::kOther:
        return;
      case FieldRole::kApplication:
        fields.application = text_or_absent(text);
        return;
      case FieldRole::kFilterOrigin:
        fields.filter_origin = text_or_absent(text);
        return;
      case FieldRole::kSourceAddress:
        return read_address(text, fields.local_address);
      case FieldRole::kDestAddress:
        return read_address(text, fields.remote_address);
      case FieldRole::kSourcePort:
        fields.local_port = fitting<std::uint16_t>(number(text));
        return;
      case FieldRole::kDestPort:
        fields.remote_port = fitting<std::uint16_t>(number(text));
        return;
      default:
        return set_any_text(fields, role, text);
    }
  }
  // The same for is_number(role), where the format holds a number: saves reading its text.
  static void set_number(Event& fields, FieldRole role, std::uint64_t number) {
    using detail::fitting;
    switch (role) {
      case FieldRole::kProcessId:
        fields.process_id = number;
        return;
      case FieldRole::kFilterId:
        fields.filter_id = number;
        return;
      case FieldRole::kLayerId:
        fields.layer_id = number;
        return;
      case FieldRole::kProtocol:
        fields.protocol = fitting<std::uint8_t>(number);
        return;
      case FieldRole::kInterfaceIndex:
        fields.interface_index = fitting<std::uint32_t>(number);
        return;
      case FieldRole::kSourcePort:
        fields.local_port = fitting<std::uint16_t>(number);
        return;
      case FieldRole::kDestPort:
        fields.remote_port = fitting<std::uint16_t>(number);
        return;
      default:
        return;
    }
  }
  // Adds the event with these fields, none of which two names of the record stand for, to `events`.
  // Requires that misplaced(system) finds nothing.
  void add(const Event& fields, const SystemFields& system, std::span<const RawField> data,
           std::vector<Event>& events);

 private:
  void set_any_text(Event& fields, FieldRole role, std::string_view text);
  std::optional<Reason> default_filter(std::string_view origin);

  std::string origin_;  // what default_filter_ was found for
  std::optional<Reason> default_filter_;
};

}  // namespace blockwatch::winlog
