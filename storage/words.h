#pragma once
// The contract's words for enumerations, and what the Windows event ids mean. Pure functions.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "storage/event.h"

namespace blockwatch {

// The ids Blockwatch knows, ascending.
inline constexpr std::array<std::uint16_t, 11> kEventIds{5031, 5150, 5151, 5152, 5153, 5154,
                                                         5155, 5156, 5157, 5158, 5159};
constexpr bool is_event_id(std::uint32_t id) { return id == 5031 || (id >= 5150 && id <= 5159); }

// Requires is_event_id(event_id).
Action action_of(std::uint16_t event_id) noexcept;
Scope scope_of(std::uint16_t event_id) noexcept;

std::string_view to_word(Action) noexcept;
std::string_view to_word(Scope) noexcept;
std::string_view to_word(Direction) noexcept;
std::string_view to_word(Reason) noexcept;
std::string_view to_word(CoverageKind) noexcept;

// Exact, lower case; nullopt for any other text.
template <class Enum>
std::optional<Enum> from_word(std::string_view word) noexcept;
extern template std::optional<Action> from_word<Action>(std::string_view) noexcept;
extern template std::optional<Scope> from_word<Scope>(std::string_view) noexcept;
extern template std::optional<Direction> from_word<Direction>(std::string_view) noexcept;
extern template std::optional<Reason> from_word<Reason>(std::string_view) noexcept;
extern template std::optional<CoverageKind> from_word<CoverageKind>(std::string_view) noexcept;

// Every word in declaration order, for messages and the API description.
template <class Enum>
std::span<const std::string_view> words() noexcept;
template <>
std::span<const std::string_view> words<Action>() noexcept;
template <>
std::span<const std::string_view> words<Scope>() noexcept;
template <>
std::span<const std::string_view> words<Direction>() noexcept;
template <>
std::span<const std::string_view> words<Reason>() noexcept;
template <>
std::span<const std::string_view> words<CoverageKind>() noexcept;

// IANA keyword in lower case ("tcp", "udp", "icmp", "ipv6-icmp"); empty when we have none.
std::string_view protocol_name(std::uint8_t protocol) noexcept;
std::optional<std::uint8_t> protocol_number(std::string_view name) noexcept;
constexpr bool is_icmp(std::uint8_t protocol) { return protocol == 1 || protocol == 58; }

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string ascii_lowered(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;  // ASCII letters
bool contains_ignoring_case(std::string_view text,
                            std::string_view part) noexcept;  // ASCII letters

// The last component of a Windows or POSIX path, ASCII letters in lower case.
std::string application_name(std::string_view application);

// The actions to keep, as `--record block,drop` gives them.
struct ActionSet {
  std::uint8_t bits = 0;
  constexpr void add(Action a) {
    bits = static_cast<std::uint8_t>(bits | 1U << static_cast<unsigned>(a));
  }
  constexpr bool has(Action a) const { return (bits >> static_cast<unsigned>(a) & 1U) != 0; }
  bool has_event_id(std::uint32_t id) const noexcept;  // false for ids that are not ours
};
inline constexpr ActionSet kBlocksAndDrops{0b011};
inline constexpr ActionSet kAllActions{0b111};

}  // namespace blockwatch
