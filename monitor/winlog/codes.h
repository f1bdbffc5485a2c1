#pragma once
// Parameter messages (%%14592 ...) of the WFP audit events in the words of the contract. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/event.h"

namespace blockwatch::winlog {

// The msobjs.dll message id of "%%14592"; nullopt for any other text. Up to nine digits.
inline std::optional<std::uint32_t> message_id(std::string_view recorded) noexcept {
  constexpr std::size_t kUsual = 7;
  if (recorded.size() < 3 || recorded.size() > 11 || recorded[0] != '%' || recorded[1] != '%')
    return std::nullopt;
  if (recorded.size() == kUsual && recorded[2] == '1' && recorded[3] == '4') {
    const auto digit = [&recorded](std::size_t i) {
      return static_cast<std::uint32_t>(recorded[i]) - '0';
    };
    if (digit(4) > 9 || digit(5) > 9 || digit(6) > 9) return std::nullopt;
    return 14'000 + digit(4) * 100 + digit(5) * 10 + digit(6);
  }
  std::uint32_t id = 0;
  for (std::size_t i = 2; i < recorded.size(); ++i) {
    const auto digit = static_cast<std::uint32_t>(recorded[i]) - '0';
    if (digit > 9) return std::nullopt;
    id = id * 10 + digit;
  }
  return id;
}

// The `Direction` field: a code, or the English word that some collectors put in its place.
// nullopt for Bidirectional (%%14595), which is neither, and for text that is no direction.
std::optional<Direction> direction_of(std::string_view recorded) noexcept;

// The `LayerName` field as a lower-case hyphenated word in static storage ("receive-accept"), from
// a code or from the English name. An unknown code or name comes back as it was recorded; "-"
// comes back empty.
std::string_view layer_word(std::string_view recorded) noexcept;

// The direction that a layer has by its nature. nullopt where both go through it.
std::optional<Direction> direction_of_layer(std::string_view layer_word,
                                            std::optional<std::uint64_t> layer_id) noexcept;

}  // namespace blockwatch::winlog
