#include "server/audit_wishes.h"

#include "server/param_values.h"

namespace blockwatch {

std::optional<std::vector<AuditWish>> audit_preset(std::string_view name) {
  if (name == "connections") {
    return std::vector<AuditWish>{{kAuditConnection, std::nullopt, true},
                                  {kAuditPacketDrop, false, false}};
  }
  if (name == "packets") {
    return std::vector<AuditWish>{{kAuditConnection, std::nullopt, true},
                                  {kAuditPacketDrop, std::nullopt, true}};
  }
  if (name == "off") {
    return std::vector<AuditWish>{{kAuditConnection, false, false},
                                  {kAuditPacketDrop, false, false}};
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> parse_revert_after(std::string_view text) {
  constexpr std::int64_t kMostSeconds = std::int64_t{30} * 24 * 3600;
  const auto ticks = parse_duration(text);
  if (!ticks || *ticks <= 0 || *ticks / Timestamp::kTicksPerSecond > kMostSeconds) {
    return std::nullopt;
  }
  return std::chrono::seconds(*ticks / Timestamp::kTicksPerSecond);
}

std::string unknown_subcategory(std::string_view text) {
  std::vector<std::string_view> slugs;
  for (const AuditSubcategory& row : audit_subcategories()) slugs.push_back(audit_slug(row.id));
  const std::string_view near = nearest(text, slugs);
  std::string expected = "the GUID or short name of a subcategory";
  if (!near.empty()) expected += "; did you mean \"" + std::string(near) + "\"?";
  return expected;
}

}  // namespace blockwatch
