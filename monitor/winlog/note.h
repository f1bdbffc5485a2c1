#pragma once
// What Blockwatch found out beside the record and keeps with the event: fields of `raw` under names
// that no Windows template has.

#include <algorithm>
#include <string_view>

#include "storage/event.h"

namespace blockwatch::winlog {

inline constexpr std::string_view kServiceNote = "blockwatch.service";
inline constexpr std::string_view kFilterProviderNote = "blockwatch.filter_provider";
// What a store application would need to be let through, of a net event that tells so.
inline constexpr std::string_view kCapabilityNote = "blockwatch.missing_capability";
// Of a packet that netfilter logged: why no process is named ("gone", "no listener", "hidden", "not
// asked"), and how many packets of its flow it stands for, when there were more than one.
inline constexpr std::string_view kProcessNote = "blockwatch.process";
inline constexpr std::string_view kPacketsNote = "blockwatch.packets";

// Empty when there is no such note.
inline std::string_view note_of(const Event& event, std::string_view name) noexcept {
  // Notes stand behind what was recorded.
  for (auto field = event.raw.rbegin(); field != event.raw.rend(); ++field) {
    if (field->name == name) return field->value;
  }
  return {};
}

// `name` is one of the above; the value is copied into `text`, the arena of the event.
inline void add_note(Event& event, std::string_view name, std::string_view value, TextArena& text) {
  const auto fields = text.array<RawField>(event.raw.size() + 1);
  std::copy(event.raw.begin(), event.raw.end(), fields.begin());
  fields.back() = {name, text.copy(value)};
  event.raw = fields;
}

}  // namespace blockwatch::winlog
