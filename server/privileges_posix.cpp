#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "server/privileges.h"
#include "server/user_names.h"

namespace blockwatch {
namespace {

tl::unexpected<Error> failure(const char* what) {
  return make_error(ErrorCode::kPermission,
                    std::string(what) + ": " + std::generic_category().message(errno));
}

#ifdef __linux__
constexpr std::uint64_t bit(unsigned capability) { return std::uint64_t{1} << capability; }

std::uint64_t kept(const NeededRights& needed) {
  // Whose packet it was stands in the folders of other users' processes.
  const std::uint64_t firewall =
      bit(CAP_NET_ADMIN) | bit(CAP_SYS_PTRACE) | bit(CAP_DAC_READ_SEARCH);
  return (needed.firewall_log ? firewall : 0) | (needed.read_others ? bit(CAP_DAC_READ_SEARCH) : 0);
}

using CapabilityWords = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

// Of this thread; there is no function of the C library for it.
Result<void> leave_only(std::uint64_t capabilities) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  CapabilityWords words{};
  if (::syscall(SYS_capget, &header, words.data()) != 0) return failure("capget");
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto wanted = static_cast<std::uint32_t>(capabilities >> (32 * i));
    words.at(i).permitted &= wanted;
    words.at(i).effective = words.at(i).permitted;
    words.at(i).inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, words.data()) != 0) return failure("capset");
  return {};
}

// What even a program with the rights of root could not have. Only root may say so.
void bound_by(std::uint64_t capabilities) {
  for (unsigned i = 0; i < 64; ++i) {
    if ((capabilities & bit(i)) == 0) ::prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
  }
}
#endif

Result<void> become(const std::string& name) {
  const auto user = find_user(name);
  if (!user) return make_error(ErrorCode::kInvalidArgument, "--user: there is no user " + name);
  if (::geteuid() != 0) {
    return make_error(ErrorCode::kInvalidArgument, "--user: only root may become another user");
  }
  if (::initgroups(name.c_str(), user->group) != 0 || ::setgid(user->group) != 0 ||
      ::setuid(user->id) != 0) {
    return failure("--user");
  }
  // Root is not to be had again; what is left of its rights goes with the rest below.
  if (user->id != 0 && ::setuid(0) == 0) {
    return make_error(ErrorCode::kInternal, "the rights of root could not be given away");
  }
  return {};
}

}  // namespace

Result<void> drop_rights(const NeededRights& needed) {
  ::umask(077);
  // 1, as the kernel takes 0 to mean a dump all the same where a program collects them.
  const rlimit no_dump{1, 1};
  ::setrlimit(RLIMIT_CORE, &no_dump);
#ifdef __linux__
  const std::uint64_t capabilities = kept(needed);
  bound_by(capabilities);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
#endif
  if (!needed.user.empty()) {
    if (auto became = become(needed.user); !became) return became;
  }
#ifdef __linux__
  if (auto left = leave_only(capabilities); !left) return left;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure("no_new_privs");
#endif
  return {};
}

}  // namespace blockwatch
