#pragma once
// Users and groups of a POSIX system by name.

#include <optional>
#include <string>

namespace blockwatch {

struct SystemUser {
  unsigned id = 0;
  unsigned group = 0;
};

// Nothing: no such name, or the system could not tell.
std::optional<SystemUser> find_user(const std::string& name);
std::optional<unsigned> find_group(const std::string& name);

}  // namespace blockwatch
