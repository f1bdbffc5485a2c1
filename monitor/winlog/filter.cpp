#include "monitor/winlog/filter.h"

#include <algorithm>
#include <iterator>

#include "monitor/winlog/note.h"
#include "monitor/winlog/reason.h"
#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

struct OwnFilter {
  std::string_view name;
  Reason reason;
};

// As 5441, 5447 and "netsh wfp show filters" of English systems name them.
constexpr OwnFilter kOwnFilters[] = {
    {"Port Scanning Prevention Filter", Reason::kNoListener},
    {"Query User", Reason::kQueryUser},
    {"Boot Time Filter", Reason::kBootTime},
    {"Block Inbound Default Rule", Reason::kDefaultInbound},
    {"Block Outbound Default Rule", Reason::kDefaultOutbound},
    {"WSH Default Inbound Block", Reason::kServiceHardening},
    {"WSH Default Outbound Block", Reason::kServiceHardening},
};

// Providers that are part of Windows: FWPM_PROVIDER_* of fwpmu.h, and those that the firewall
// registers itself (IPsec, Teredo, edge traversal).
constexpr std::string_view kWindowsProviders[] = {
    "{decc16ca-3f33-4346-be1e-8fb4ae0f3d62}",  // MPSSVC_WF: Windows Firewall
    "{4b153735-1049-4480-aab4-d1b9bdc03710}",  // MPSSVC_WSH: the same, and service hardening
    "{a90296f7-46b8-4457-8f84-b05e05d3c622}",  // MPSSVC_EDP
    "{d0718ff9-44da-4f50-9dc2-c963a4247613}",  // MPSSVC_TENANT_RESTRICTIONS
    "{3cc2631f-2d5d-43a0-b174-614837d863a1}",  // MPSSVC_APP_ISOLATION
    "{10ad9216-ccde-456c-8b16-e9f04e60a90b}",  // IKEEXT
    "{3c6c05a9-c05c-4bb9-8338-2327814ce8bf}",  // IPSEC_DOSP_CONFIG
    "{896aa19e-9a34-4bcb-ae79-beb9127c84b9}",  // TCP_CHIMNEY_OFFLOAD
    "{76cfcd30-3394-432d-bed3-441ae50e63c3}",  // TCP_TEMPLATES
    "{1bebc969-61a5-4732-a177-847a0817862a}", "{aa6a7d87-7f8f-4d2a-be53-fda555cd5fe3}",
    "{893a4f22-9bba-49b7-8c66-3d40929c8fd5}", "{9c2532b4-0314-434f-8274-0cbaebdbda56}",
    "{c698301d-9129-450c-937c-f4b834bfb374}",
};

}  // namespace

std::optional<Reason> reason_of_filter(std::string_view name) noexcept {
  for (const OwnFilter& own : kOwnFilters) {
    if (equal_ignoring_case(own.name, name)) return own.reason;
  }
  return std::nullopt;
}

bool is_third_party(const Filter& filter) noexcept {
  // In 5447 this is the provider's name for whatever is Windows' own.
  if (filter.provider_key.empty() || filter.provider == "Microsoft Corporation") return false;
  return std::none_of(
      std::begin(kWindowsProviders), std::end(kWindowsProviders),
      [&filter](std::string_view key) { return equal_ignoring_case(key, filter.provider_key); });
}

void set_filter(Event& event, const Filter& filter, TextArena& text) {
  if (!event.filter_name.empty() || filter.name.empty()) return;
  event.filter_name = text.copy(filter.name);
  if (is_third_party(filter)) {
    add_note(event, kFilterProviderNote,
             filter.provider.empty() ? filter.provider_key : filter.provider, text);
  }
  event.reason = find_reason(event).reason;
}

}  // namespace blockwatch::winlog
