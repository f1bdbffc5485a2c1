#pragma once
// What the self-test wants to know of this system and of the account that runs it. Nothing is
// changed by asking.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/ip_address.h"

namespace blockwatch {

// Rights of a Windows account.
struct AccountRights {
  bool elevated = false;                // runs as administrator
  bool event_log_reader = false;        // is in the group Event Log Readers
  bool network_operator = false;        // is in the group Network Configuration Operators
  bool has_security_privilege = false;  // SeSecurityPrivilege, enabled or not
};

struct HostFacts {
  std::string system;                   // "Windows 10.0.19045", "Linux 6.1.0"
  std::optional<AccountRights> rights;  // on Windows only
  std::vector<IpAddress> addresses;     // of this computer's interfaces; empty: not known
};

HostFacts host_facts();

}  // namespace blockwatch
