#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "server/handlers/handlers.h"
#include "server/handlers/json_body.h"
#include "server/params.h"
#include "storage/words.h"

namespace blockwatch::handlers {
namespace {

constexpr std::uint64_t kMostDays = 36'500;
// Below, a bound would leave no events at all.
constexpr std::uint64_t kSmallestDb = std::uint64_t{1} << 20U;

Json to_json(const SettingsView& view) {
  Json record = Json::array();
  for (const Action action : {Action::kBlock, Action::kDrop, Action::kPermit}) {
    if (view.record.has(action)) record.push_back(to_word(action));
  }
  return {{"retention_days", view.retention.days},
          {"max_db_size", view.retention.max_bytes},
          {"record", std::move(record)},
          {"overridden", view.overridden},
          {"restart_needed", view.restart_needed}};
}

template <class Number, class Allowed>
void take_number(BodyMembers& members, const char* name, const char* expected,
                 const Allowed& allowed, std::optional<std::optional<Number>>& wish) {
  const Json* value = members.find(name);
  if (value == nullptr) return;
  if (value->is_null()) {
    wish.emplace();
  } else if (value->is_number_unsigned() && allowed(value->template get<std::uint64_t>())) {
    wish.emplace(value->template get<Number>());
  } else {
    members.fault(name, expected);
  }
}

void take_record(BodyMembers& members, std::optional<std::optional<std::uint8_t>>& wish) {
  const Json* value = members.find("record");
  if (value == nullptr) return;
  if (value->is_null()) {
    wish.emplace();
    return;
  }
  ActionSet set;
  const bool right = value->is_array() && std::ranges::all_of(*value, [&set](const Json& word) {
                       const auto action = word.is_string()
                                               ? from_word<Action>(word.get<std::string>())
                                               : std::nullopt;
                       if (action) set.add(*action);
                       return action.has_value();
                     });
  if (right && set.bits != 0) {
    wish.emplace(set.bits);
  } else {
    members.fault("record", "a list of block, drop, permit, or null");
  }
}

}  // namespace

http::Response get_settings(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  return object_answer(to_json(context.settings.view()));
}

http::Response change_settings(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  auto body = read_json_body(request);
  if (!body) return std::move(body.error());
  BodyMembers members(*body);
  SettingsPatch patch;
  take_number(
      members, "retention_days", "a number of days up to 36500, 0 for ever, or null",
      [](std::uint64_t days) { return days <= kMostDays; }, patch.retention_days);
  take_number(
      members, "max_db_size", "bytes from 1048576 on, 0 for no bound, or null",
      [](std::uint64_t bytes) { return bytes == 0 || (bytes >= kSmallestDb && bytes <= kMaxSeq); },
      patch.max_db_size);
  take_record(members, patch.record);
  if (auto faults = members.end(); !faults.empty()) return body_fault(std::move(faults));
  const auto view = context.settings.change(patch);
  if (!view && view.error().code == ErrorCode::kConflict) {
    return problem_answer({409,
                           "overridden",
                           view.error().message,
                           "Start blockwatchd without these options to set them here.",
                           {}});
  }
  if (!view) return error_answer(view.error());
  spdlog::info("settings: changed by token {}: {}", request.token.name, body->dump());
  return object_answer(to_json(*view));
}

}  // namespace blockwatch::handlers
