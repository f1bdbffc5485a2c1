#pragma once
// What the changes of the audit policy have in common; private to the handlers.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_context.h"
#include "server/handlers/json_body.h"

namespace blockwatch::handlers {

// The digits of each strong tag of an If-Match header; nothing: "*", any policy.
std::optional<std::vector<std::string>> policies_seen(std::string_view if_match);
// As the trail names them: "token:NAME", "session:NAME" or "user:uid 1000".
std::string who_of(const TokenInfo& token, const PeerIdentity& peer);

http::Response audit_error(const Error& error);

// Takes `revert_after` of the body.
void take_revert_after(BodyMembers& members, AuditRequest& wanted);

// Fills in who asks, dry_run and If-Match, has it done and answers with the change.
http::Response change_audit_policy(ApiContext& context, const http::Request& request,
                                   AuditRequest wanted, bool dry_run);

}  // namespace blockwatch::handlers
