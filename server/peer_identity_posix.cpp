#include "server/peer_identity.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "server/socket_owner.h"

namespace blockwatch {
namespace {

constexpr std::size_t kMostGroups = 65'536;  // the kernel's bound of a process
constexpr std::size_t kMostDirectoryBytes = std::size_t{1} << 20;

std::optional<gid_t> to_gid(const std::string& text) {
  gid_t gid = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, gid);
  return error == std::errc{} && stopped == end ? std::optional(gid) : std::nullopt;
}

// Asks one of the get...r() functions with a buffer that is large enough.
template <class Entry, class Ask>
bool look_up(Entry& entry, std::vector<char>& buffer, const Ask& ask) {
  for (buffer.resize(4096); buffer.size() <= kMostDirectoryBytes;
       buffer.resize(buffer.size() * 4)) {
    Entry* found = nullptr;
    const int error = ask(&entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    return error == 0 && found != nullptr;
  }
  return false;
}

// Of a user without a process at hand, as the system's directory has them.
std::vector<gid_t> groups_of(uid_t uid) {
  passwd user{};
  std::vector<char> buffer;
  if (!look_up(user, buffer, [uid](passwd* entry, char* data, std::size_t size, passwd** found) {
        return ::getpwuid_r(uid, entry, data, size, found);
      })) {
    return {};
  }
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (::getgrouplist(user.pw_name, user.pw_gid, groups.data(), &count) < 0) {
    if (groups.size() >= kMostGroups) return {};
    groups.resize(std::max(groups.size() * 2, static_cast<std::size_t>(count)));
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

std::vector<gid_t> groups_of_unix_peer(int fd, gid_t first) {
  std::vector<gid_t> groups(kMostGroups);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) size = 0;
  groups.resize(size / sizeof(gid_t));
  groups.push_back(first);
  return groups;
}

// `groups` is only asked for when it matters.
template <class Groups>
PeerStanding standing_of(uid_t uid, const std::vector<std::string>& reader_groups,
                         const Groups& groups) {
  if (uid == 0 || uid == ::geteuid()) return PeerStanding::kOwner;
  if (reader_groups.empty()) return PeerStanding::kStranger;
  const std::vector<gid_t> own = groups();
  const bool reads = std::ranges::any_of(own, [&](gid_t gid) {
    return std::ranges::find(reader_groups, std::to_string(gid)) != reader_groups.end();
  });
  return reads ? PeerStanding::kReader : PeerStanding::kStranger;
}

std::optional<SocketEnd> end_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  // The socket interface is built on this cast.
  if (ask(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return SocketEnd::of(address);
}

PeerIdentity identify_unix_peer(int fd, const std::vector<std::string>& reader_groups) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  // Of a user that this namespace does not know.
  if (peer.uid == static_cast<uid_t>(-1) || peer.uid == 65534) return {};
  return {standing_of(peer.uid, reader_groups, [&] { return groups_of_unix_peer(fd, peer.gid); }),
          "uid " + std::to_string(peer.uid) + " pid " + std::to_string(peer.pid)};
}

}  // namespace

Result<std::vector<std::string>> find_groups(const std::vector<std::string>& names) {
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    std::optional<gid_t> gid = to_gid(name);
    group found{};
    std::vector<char> buffer;
    if (!gid && look_up(found, buffer, [&](group* entry, char* data, std::size_t size, group** to) {
          return ::getgrnam_r(name.c_str(), entry, data, size, to);
        })) {
      gid = found.gr_gid;
    }
    if (!gid) {
      return make_error(ErrorCode::kInvalidArgument,
                        "--allow-group: there is no group \"" + name + "\"");
    }
    ids.push_back(std::to_string(*gid));
  }
  return ids;
}

PeerIdentity identify_peer(Socket::Handle socket, const std::vector<std::string>& reader_groups) {
  const int fd = static_cast<int>(socket);
  int family = 0;
  socklen_t size = sizeof family;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return {};
  if (family == AF_UNIX) return identify_unix_peer(fd, reader_groups);
  const auto other = end_of(fd, ::getpeername);
  const auto own = end_of(fd, ::getsockname);
  if (!other || !own || !other->is_loopback()) return {};
  const auto uid = find_socket_owner(*other, *own);
  if (!uid) return {};
  return {standing_of(*uid, reader_groups, [&] { return groups_of(*uid); }),
          "uid " + std::to_string(*uid)};
}

}  // namespace blockwatch
