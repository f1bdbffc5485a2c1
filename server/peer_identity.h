#pragma once
// Which user is at the other end of a connection from this computer: whoever may read the log may
// read the API.

#include <cstdint>
#include <string>
#include <vector>

#include "server/socket.h"
#include "storage/result.h"

namespace blockwatch {

enum class PeerStanding : std::uint8_t {
  kUnknown,   // from elsewhere, or the system does not tell
  kStranger,  // known, and not one of the following
  kReader,    // may read: Event Log Readers (Windows), a group of --allow-group, an administrator
              // without the rights of one
  kSelf,      // this program's own user without the rights that this program has: may read
  kOwner,     // root or an administrator, or this program's own user
};

struct PeerIdentity {
  PeerStanding standing = PeerStanding::kUnknown;
  std::string user;  // "uid 1000", "uid 1000 pid 42", "S-1-5-18 pid 42"; empty when unknown
};

// The ids of groups, given by name or id. kInvalidArgument: there is no such group. May wait for
// the system's directory of users.
Result<std::vector<std::string>> find_groups(const std::vector<std::string>& names);

// Who has the other end of this connected socket now: over a loopback address, or a socket file.
// `reader_groups` is of find_groups().
PeerIdentity identify_peer(Socket::Handle socket, const std::vector<std::string>& reader_groups);

}  // namespace blockwatch
