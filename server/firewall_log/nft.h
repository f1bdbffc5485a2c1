#pragma once
// The system's nft(8), run from its fixed places without a shell and without our environment.

#include <string>
#include <string_view>
#include <vector>

#include "storage/result.h"

namespace blockwatch {

// What it printed. kUnsupported: it is not installed; kPermission: CAP_NET_ADMIN is missing;
// kIo: it failed, with its own first line.
Result<std::string> run_nft(const std::vector<std::string>& arguments, std::string_view input = {});

// The table that the commands would make, as nft writes it for people: they are carried out in an
// empty network namespace that goes away again. For a program with one thread. kUnsupported where
// no such namespace can be made; else as run_nft.
Result<std::string> preview_nft(std::string_view commands, const std::string& table);

// The tables of iptables-legacy, which nft does not show; empty: none, or not to be read.
std::string legacy_iptables_tables();

// Whether a program listens to the NFLOG group in this network namespace.
bool is_nflog_group_taken(unsigned group);

}  // namespace blockwatch
