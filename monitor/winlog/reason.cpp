#include "monitor/winlog/reason.h"

#include <algorithm>
#include <array>

#include "monitor/winlog/filter.h"
#include "monitor/winlog/note.h"
#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

struct Origin {
  std::string_view name;  // lower case, without spaces and hyphens
  Reason reason;
};

// Spellings differ between Windows' pages and its records, hence the normal form.
constexpr Origin kDefaultFilters[] = {
    {"stealth", Reason::kNoListener},
    {"queryuserdefault", Reason::kQueryUser},
    {"queryuser", Reason::kQueryUser},
    {"quarantinedefault", Reason::kQuarantine},
    {"quarantine", Reason::kQuarantine},
    {"boottimedefault", Reason::kBootTime},
    {"boottime", Reason::kBootTime},
    {"appcontainerloopback", Reason::kAppContainer},
    {"uwpdefault", Reason::kAppContainer},
    {"wshdefault", Reason::kServiceHardening},
    {"defaultinbound", Reason::kDefaultInbound},
    {"defaultoutbound", Reason::kDefaultOutbound},
    {"unknown", Reason::kThirdParty},
};

constexpr std::size_t kLongestName = 24;

bool is_discard_layer(std::optional<std::uint64_t> layer_id) {
  const std::uint64_t id = layer_id.value_or(0);
  return id == 13 || id == 15 || id == 32 || id == 34;
}

}  // namespace

std::optional<Reason> default_filter(std::string_view origin) noexcept {
  std::array<char, kLongestName> normal{};
  std::size_t size = 0;
  for (char c : origin) {
    if (c == ' ' || c == '-') continue;
    if (size == normal.size()) return std::nullopt;
    normal[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  const std::string_view name(normal.data(), size);
  const auto* found = std::find_if(std::begin(kDefaultFilters), std::end(kDefaultFilters),
                                   [name](const Origin& o) { return o.name == name; });
  if (found == std::end(kDefaultFilters)) return std::nullopt;
  return found->reason;
}

Finding find_reason(const Event& event) noexcept {
  return find_reason(event, default_filter(event.filter_origin));
}

Finding find_reason(const Event& event, std::optional<Reason> default_filter) noexcept {
  const bool permitted = action_of(event.event_id) == Action::kPermit;
  if (!event.filter_origin.empty()) {
    if (default_filter) {
      if (permitted) return {};
      return {*default_filter, Basis::kFilterOrigin};
    }
    return {Reason::kRule, Basis::kFilterOriginIsRule};
  }
  if (permitted) return {};
  if (is_netfilter(event)) return {Reason::kRule, Basis::kEventId};  // only rules log
  if (event.event_id == 5031) return {Reason::kQueryUser, Basis::kEventId};
  const bool net_event = event.source == kNetEventSource;
  if (net_event && !note_of(event, kCapabilityNote).empty()) {
    return {Reason::kAppContainer, Basis::kEventId};
  }
  if (!event.filter_name.empty()) {
    if (!note_of(event, kFilterProviderNote).empty()) {
      return {Reason::kThirdParty, Basis::kFilterProvider};
    }
    if (const auto own = reason_of_filter(event.filter_name)) return {*own, Basis::kFilterName};
  }
  if (is_discard_layer(event.layer_id)) return {Reason::kNoListener, Basis::kDiscardLayer};
  if (!net_event && event.layer == "transport" && !event.process_id && event.application.empty()) {
    return {Reason::kNoListener, Basis::kNoProcess};
  }
  return {};
}

}  // namespace blockwatch::winlog
