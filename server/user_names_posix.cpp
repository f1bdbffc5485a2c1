#include <grp.h>
#include <pwd.h>

#include <vector>

#include "server/user_names.h"

namespace blockwatch {
namespace {

// An entry with all its text; a group may have thousands of members.
constexpr std::size_t kEntryBytes = std::size_t{1} << 20;

}  // namespace

std::optional<SystemUser> find_user(const std::string& name) {
  std::vector<char> text(kEntryBytes);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found);
  if (found == nullptr) return std::nullopt;
  return SystemUser{entry.pw_uid, entry.pw_gid};
}

std::optional<unsigned> find_group(const std::string& name) {
  std::vector<char> text(kEntryBytes);
  group entry{};
  group* found = nullptr;
  ::getgrnam_r(name.c_str(), &entry, text.data(), text.size(), &found);
  if (found == nullptr) return std::nullopt;
  return entry.gr_gid;
}

}  // namespace blockwatch
