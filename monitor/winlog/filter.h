#pragma once
// What is known of a filter of the Windows Filtering Platform, and what that says about an event.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/event.h"

namespace blockwatch::winlog {

struct Filter {
  std::string name;
  std::string provider_key;  // "{decc16ca-...}" in any case; empty: it has no provider
  std::string provider;      // the provider's name
  std::optional<std::uint64_t> layer_id;
};

// What the name of one of Windows Firewall's own filters stands for; nullopt for any other name.
std::optional<Reason> reason_of_filter(std::string_view name) noexcept;

// Did a program other than Windows itself put it there? A filter without a provider does not tell.
bool is_third_party(const Filter& filter) noexcept;

// Names the filter of an event that came without its name, and says anew why it happened. The
// event's text is in `text`.
void set_filter(Event& event, const Filter& filter, TextArena& text);

}  // namespace blockwatch::winlog
