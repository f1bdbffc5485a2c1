#include "server/handlers/audit.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "server/audit_json.h"
#include "server/audit_wishes.h"
#include "server/handlers/handlers.h"
#include "server/utf8.h"

namespace blockwatch::handlers {
namespace {

// The state of the whole policy, the same for every address below /audit/policy.
void set_etag(http::Response& response, const AuditPolicy& policy) {
  response.set("ETag", '"' + to_digits(policy) + '"');
}

tl::expected<AuditId, http::Response> subcategory_of(const http::Request& request) {
  const std::string& text = request.path_values.at("subcategory");
  if (const auto id = find_audit_subcategory(text)) return *id;
  return tl::unexpected(
      problem_answer({404,
                      "not_found",
                      "There is no such subcategory: expected " + unknown_subcategory(text),
                      "GET /api/v1/audit/policy?all=true lists them.",
                      {}}));
}

AuditWish take_wish(AuditId id, BodyMembers& members) {
  return {id, members.take_bool("success"), members.take_bool("failure")};
}

bool is_empty(const AuditWish& wish) { return !wish.success && !wish.failure; }

constexpr const char* kFlagsExpected = "success, failure or both, as true or false";

// {"SUBCATEGORY": {"success": true}, ...}
void take_settings(const Json& settings, BodyMembers& members, AuditRequest& wanted,
                   std::vector<Fault>& faults) {
  if (!settings.is_object() || settings.empty()) {
    return members.fault("settings", "an object with a member for each subcategory");
  }
  std::array<bool, kAuditSubcategories> named{};
  for (const auto& item : settings.items()) {
    if (faults.size() >= kMaxFaults) return;
    const std::string& name = item.key();
    const Json& value = item.value();
    const auto add_fault = [&](std::string expected) {
      faults.push_back({"settings." + shorten_utf8(name, 60), {}, std::move(expected)});
    };
    const auto id = find_audit_subcategory(name);
    if (!id) {
      add_fault(unknown_subcategory(name));
    } else if (!value.is_object()) {
      add_fault(kFlagsExpected);
    } else if (std::exchange(named.at(*id), true)) {
      add_fault("each subcategory once");
    } else {
      BodyMembers flags(value, "settings." + name + ".");
      wanted.wishes.push_back(take_wish(*id, flags));
      auto found = flags.end();
      if (found.empty() && is_empty(wanted.wishes.back())) add_fault(kFlagsExpected);
      std::ranges::move(found, std::back_inserter(faults));
    }
  }
}

std::optional<LogForecast> forecast(ApiContext& context, const AuditOutcome& outcome) {
  if (!outcome.security_log) return std::nullopt;
  const auto reader = context.readers.borrow();
  return forecast_log(outcome.security_log, outcome.change.settings,
                      stored_event_rates(reader ? &**reader : nullptr, now()));
}

}  // namespace

std::optional<std::vector<std::string>> policies_seen(std::string_view if_match) {
  std::vector<std::string> seen;
  if (if_match == "*") return std::nullopt;
  while (!if_match.empty()) {
    const std::size_t comma = std::min(if_match.find(','), if_match.size());
    std::string_view tag = if_match.substr(0, comma);
    if_match.remove_prefix(std::min(comma + 1, if_match.size()));
    while (tag.starts_with(' ')) tag.remove_prefix(1);
    while (tag.ends_with(' ')) tag.remove_suffix(1);
    if (tag.size() >= 2 && tag.starts_with('"') && tag.ends_with('"')) {
      seen.emplace_back(tag.substr(1, tag.size() - 2));
    }
  }
  return seen;
}

std::string who_of(const TokenInfo& token, const PeerIdentity& peer) {
  if (!token.name.empty()) return (token.session ? "session:" : "token:") + token.name;
  return peer.user.empty() ? std::string() : "user:" + peer.user;
}

http::Response audit_error(const Error& error) {
  if (error.code == ErrorCode::kCorrupt) {
    return problem_answer({500,
                           "audit_policy_damaged",
                           "The audit policy cannot be read: " + error.message,
                           "Restore the file from a backup, or remove it to begin anew.",
                           {}});
  }
  if (error.code == ErrorCode::kUnsupported) {
    return problem_answer({503, "unavailable", error.message, {}, {}});
  }
  return error_answer(error);
}

void take_revert_after(BodyMembers& members, AuditRequest& wanted) {
  const auto text = members.take_text("revert_after", kRevertAfters);
  if (!text) return;
  wanted.revert_after = parse_revert_after(*text);
  if (!wanted.revert_after) members.fault("revert_after", std::string(kRevertAfters));
}

http::Response change_audit_policy(ApiContext& context, const http::Request& request,
                                   AuditRequest wanted, bool dry_run) {
  if (!context.audit_changes && !dry_run) {
    return problem_answer({403,
                           "audit_changes_off",
                           "This server was started without the right to change the audit policy.",
                           "An administrator changes it with 'blockwatchd audit set'.",
                           {}});
  }
  wanted.dry_run = dry_run;
  const PeerIdentity peer = request.identify ? request.identify() : PeerIdentity{};
  wanted.who = who_of(request.token, peer);
  wanted.client = request.peer;
  wanted.peer = peer.user;
  wanted.token_id = request.token.id;
  const std::string match = header_or_empty(request, "If-Match");
  if (match.empty() && !dry_run) {
    return problem_answer({428,
                           "precondition_required",
                           "A change needs If-Match with the ETag of the policy it is meant for.",
                           "GET /api/v1/audit/policy gives the ETag; If-Match: * takes any policy.",
                           {}});
  }
  if (!match.empty()) wanted.seen = policies_seen(match);
  const auto outcome = context.audit.change(wanted);
  if (!outcome) return audit_error(outcome.error());
  http::Response response =
      outcome->stale ? problem_answer({412,
                                       "precondition_failed",
                                       "The policy has changed since: it has another ETag now.",
                                       "Read it again and decide anew.",
                                       {}})
                     : json_answer(audit_change_json(outcome->change, forecast(context, *outcome)));
  set_etag(response, outcome->policy);
  return response;
}

http::Response get_audit_policy(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kAuditPolicy, request);
  if (!query) return std::move(query.error());
  const auto view = context.audit.view();
  if (!view) return audit_error(view.error());
  const auto ids = shown_subcategories(view->policy, query->all);
  http::Response response = json_answer(audit_policy_json(*view, context.audit.kind(), ids));
  set_etag(response, view->policy);
  return response;
}

http::Response get_audit_subcategory(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  auto id = subcategory_of(request);
  if (!id) return std::move(id.error());
  const auto view = context.audit.view();
  if (!view) return audit_error(view.error());
  const auto& flags = view->policy.at(*id);
  if (!flags) {
    return error_answer({ErrorCode::kNotFound, "This system does not know the subcategory."});
  }
  http::Response response = json_answer(audit_subcategory_json(*id, *flags));
  set_etag(response, view->policy);
  return response;
}

http::Response set_audit_subcategory(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kAuditChange, request);
  if (!query) return std::move(query.error());
  auto id = subcategory_of(request);
  if (!id) return std::move(id.error());
  auto body = read_json_body(request);
  if (!body) return std::move(body.error());
  BodyMembers members(*body);
  AuditRequest wanted;
  wanted.wishes.push_back(take_wish(*id, members));
  take_revert_after(members, wanted);
  auto faults = members.end();
  if (faults.empty() && is_empty(wanted.wishes.front())) faults.push_back({"", "", kFlagsExpected});
  if (!faults.empty()) return body_fault(std::move(faults));
  return change_audit_policy(context, request, std::move(wanted), query->dry_run);
}

http::Response set_audit_policy(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kAuditChange, request);
  if (!query) return std::move(query.error());
  auto body = read_json_body(request);
  if (!body) return std::move(body.error());
  BodyMembers members(*body);
  AuditRequest wanted;
  std::vector<Fault> faults;
  const auto preset = members.take_text("preset", kAuditPresets);
  const Json* settings = members.find("settings");
  take_revert_after(members, wanted);
  if (preset && settings != nullptr) {
    members.fault("preset", "not together with settings");
  } else if (preset) {
    auto wishes = audit_preset(*preset);
    if (!wishes) members.fault("preset", std::string(kAuditPresets));
    wanted.wishes = std::move(wishes).value_or(std::vector<AuditWish>{});
  } else if (settings != nullptr) {
    take_settings(*settings, members, wanted, faults);
  }
  std::ranges::move(members.end(), std::back_inserter(faults));
  if (faults.empty() && wanted.wishes.empty()) {
    faults.push_back({"", "", "preset (" + std::string(kAuditPresets) + ") or settings"});
  }
  if (!faults.empty()) return body_fault(std::move(faults));
  return change_audit_policy(context, request, std::move(wanted), query->dry_run);
}

}  // namespace blockwatch::handlers
