#pragma once
// Events as the contract writes them: the only place where the names of fields are spelled.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/event.h"

namespace blockwatch {

// In the contract's order.
enum class EventField : std::uint8_t {
  kId,
  kSeq,
  kTime,
  kReceivedTime,
  kSource,
  kHost,
  kRecordId,
  kEventId,
  kEventVersion,
  kAction,
  kScope,
  kDirection,
  kProtocol,
  kProtocolName,
  kLocalAddress,
  kLocalPort,
  kRemoteAddress,
  kRemotePort,
  kIcmpType,
  kIcmpCode,
  kProcessId,
  kApplication,
  kApplicationName,
  kUser,
  kFilterId,
  kFilterName,
  kFilterOrigin,
  kLayerId,
  kLayer,
  kInterfaceIndex,
  kReason,
  kRaw,
};

using EventFields = std::vector<EventField>;

// Every field but `raw`, which is only given when it is asked for.
const EventFields& default_event_fields();

std::string_view to_word(EventField field) noexcept;
std::optional<EventField> event_field(std::string_view name) noexcept;

// One JSON object on one line, with the given fields in the given order; null where absent. Whole
// numbers keep all their digits, also above 2^53. Text that is not UTF-8 gets U+FFFD in place of
// what is wrong. Requires an action and a scope, that is is_event_id(event.event_id). In `raw`, a
// name that comes again becomes NAME#2, NAME#3, so that no value hides another.
void append_json(std::string& out, const Event& event, std::span<const EventField> fields);

// The members without the braces around them, to go on with more.
void append_json_members(std::string& out, const Event& event, std::span<const EventField> fields);

// A quoted JSON string.
void append_json_string(std::string& out, std::string_view text);

// RFC 4180: header row, CRLF, quotes where they are needed; absent is empty. Values are exact: one
// that begins with '=' is not changed, a spreadsheet may take it for a formula. `raw` is its JSON.
void append_csv_header(std::string& out, std::span<const EventField> fields);
void append_csv_row(std::string& out, const Event& event, std::span<const EventField> fields);

}  // namespace blockwatch
