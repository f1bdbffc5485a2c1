#pragma once
// Addresses of floods: nearly all are dotted.

#include <optional>
#include <string_view>

#include "storage/ip_address.h"

namespace blockwatch::winlog {

// Makes `address` what parse_ip_address says, quicker for dotted text.
void read_address(std::string_view text, std::optional<IpAddress>& address) noexcept;

}  // namespace blockwatch::winlog
