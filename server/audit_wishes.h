#pragma once
// What a user may ask of the audit policy, from a request's JSON and from the command line.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/audit_keeper.h"

namespace blockwatch {

inline constexpr std::string_view kAuditPresets = "connections, packets or off";
inline constexpr std::string_view kRevertAfters =
    "a duration from 1s to 30d, such as 15m, after which it is put back";

// "connections": blocked connections are audited, dropped packets not; "packets": both are; "off":
// neither, nor what is permitted. Nothing: no such preset.
std::optional<std::vector<AuditWish>> audit_preset(std::string_view name);

std::optional<std::chrono::seconds> parse_revert_after(std::string_view text);

// "unknown subcategory", with the nearest one.
std::string unknown_subcategory(std::string_view text);

}  // namespace blockwatch
