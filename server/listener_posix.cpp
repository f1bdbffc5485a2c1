#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "server/descriptor_posix.h"
#include "server/listener.h"
#include "server/user_names.h"
#include "storage/place_lock.h"

namespace blockwatch {
namespace {

using std::chrono::milliseconds;

constexpr Socket::Handle kClosedListener = ~Socket::Handle{0};
// How long another program may take to open its socket in the same place.
constexpr milliseconds kPlaceWait{2'000};

int descriptor_of(Socket::Handle handle) { return static_cast<int>(handle); }

tl::unexpected<Error> failure(const ListenAddress& address) {
  const int error = errno;
  ErrorCode code = ErrorCode::kIo;
  if (error == EADDRINUSE) code = ErrorCode::kConflict;
  if (error == EADDRNOTAVAIL) code = ErrorCode::kInvalidArgument;
  if (error == EACCES || error == EPERM) code = ErrorCode::kPermission;
  return make_error(
      code, "cannot listen on " + address.url() + ": " + std::generic_category().message(error));
}

tl::unexpected<Error> refusal(ErrorCode code, const ListenAddress& address, const char* why) {
  return make_error(code, "cannot listen on " + address.url() + ": " + why);
}

void set_on(int fd, int level, int name) {
  const int on = 1;
  ::setsockopt(fd, level, name, &on, sizeof(on));
}

// Never handed to a child, and accept() does not block.
int make_socket(int family) {
  const int fd = ::socket(family, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

// The socket interface is built on this cast.
template <class Address>
const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

sockaddr_un file_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

// Nobody is behind the file any more. Whoever answers, or may still, says no.
bool is_abandoned(const std::string& path) {
  const Descriptor client(make_socket(AF_UNIX));
  const sockaddr_un address = file_address(path);
  return ::connect(client.get(), generic(address), sizeof(address)) != 0 && errno == ECONNREFUSED;
}

std::string folder_of(const ListenAddress& address) {
  const auto parent = std::filesystem::path(address.unix_path).parent_path();
  return parent.empty() ? "." : parent.string();
}

// Who may write to the folder may put a socket of his own in the place of ours.
Result<void> check_folder(const ListenAddress& address) {
  struct stat status {};
  if (::stat(folder_of(address).c_str(), &status) != 0) return failure(address);
  const auto user = find_user(address.unix_user);
  if (status.st_uid != 0 && status.st_uid != (user ? user->id : ::geteuid())) {
    return refusal(ErrorCode::kPermission, address, "its folder belongs to another user");
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0) {
    return refusal(ErrorCode::kPermission, address, "others may change its folder");
  }
  return {};
}

Result<void> clear_place(const ListenAddress& address) {
  struct stat status {};
  if (::lstat(address.unix_path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return failure(address);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return refusal(ErrorCode::kConflict, address, "there is a file that is no socket");
  }
  if (!is_abandoned(address.unix_path)) {
    return refusal(ErrorCode::kConflict, address, "another program listens there");
  }
  if (::unlink(address.unix_path.c_str()) != 0) return failure(address);
  return {};
}

// Only then is the file open to others than its owner.
Result<void> give_to(const ListenAddress& address) {
  uid_t user = static_cast<uid_t>(-1);  // stays as it is
  gid_t group = static_cast<gid_t>(-1);
  if (!address.unix_user.empty()) {
    const auto found = find_user(address.unix_user);
    if (!found) return refusal(ErrorCode::kInvalidArgument, address, "there is no such user");
    user = found->id;
  }
  if (!address.unix_group.empty()) {
    const auto found = find_group(address.unix_group);
    if (!found) return refusal(ErrorCode::kInvalidArgument, address, "there is no such group");
    group = *found;
  }
  const char* path = address.unix_path.c_str();
  const mode_t mode = address.unix_group.empty() ? 0600 : 0660;
  // The owner last: the mode is his to change.
  if (::lchown(path, static_cast<uid_t>(-1), group) != 0 || ::chmod(path, mode) != 0 ||
      ::lchown(path, user, static_cast<gid_t>(-1)) != 0) {
    return failure(address);
  }
  return {};
}

}  // namespace

Listener::Listener(Listener&& other) noexcept
    : address_(std::move(other.address_)),
      handle_(std::exchange(other.handle_, kClosedListener)),
      file_(std::exchange(other.file_, std::nullopt)) {}

Listener::~Listener() {
  if (handle_ == kClosedListener) return;
  struct stat status {};
  const bool ours = file_ && ::lstat(address_.unix_path.c_str(), &status) == 0 &&
                    FileId{status.st_dev, status.st_ino} == *file_;
  if (ours) ::unlink(address_.unix_path.c_str());
  ::close(descriptor_of(handle_));
}

Result<Listener> Listener::open_tcp(const ListenAddress& address, int backlog) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const auto port = static_cast<in_port_t>(htons(static_cast<std::uint16_t>(address.port)));
  v4.sin_family = AF_INET;
  v4.sin_port = port;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = port;
  const bool is_v4 = ::inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) != 1) {
    return refusal(ErrorCode::kInvalidArgument, address, "expected a numeric address");
  }
  Descriptor socket(make_socket(is_v4 ? AF_INET : AF_INET6));
  // Without SO_REUSEPORT a port has one listener; SO_REUSEADDR lets a restart take it over from its
  // own closed connections (TIME_WAIT), on this family of systems never from a listener.
  set_on(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  // "::" means IPv6 and no more, as on every other system.
  if (!is_v4) set_on(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  socklen_t size = is_v4 ? sizeof(v4) : sizeof(v6);
  const sockaddr* wanted = is_v4 ? generic(v4) : generic(v6);
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof(bound);
  if (::bind(socket.get(), wanted, size) != 0 || ::listen(socket.get(), backlog) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &bound_size) != 0) {
    return failure(address);
  }
  ListenAddress found = address;
  found.port = ntohs(is_v4 ? reinterpret_cast<const sockaddr_in*>(&bound)->sin_port
                           : reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port);
  return Listener(std::move(found), static_cast<Socket::Handle>(socket.release()));
}

Result<Listener> Listener::open_unix(const ListenAddress& address, int backlog) {
  const sockaddr_un place = file_address(address.unix_path);
  if (address.unix_path.size() >= sizeof(place.sun_path)) {
    return refusal(ErrorCode::kInvalidArgument, address, "the path is too long for a socket");
  }
  if (auto checked = check_folder(address); !checked) return tl::unexpected(checked.error());
  // Looking and binding are one step among programs like this one.
  const auto lock = PlaceLock::take(address.unix_path, kPlaceWait);
  if (!lock) return refusal(lock.error().code, address, lock.error().message.c_str());
  if (auto cleared = clear_place(address); !cleared) return tl::unexpected(cleared.error());

  Descriptor socket(make_socket(AF_UNIX));
  // The file gets its mode from the socket, in the moment it appears.
  ::fchmod(socket.get(), S_IRUSR | S_IWUSR);
  if (::bind(socket.get(), generic(place), sizeof(place)) != 0) return failure(address);
  Listener listener(address, static_cast<Socket::Handle>(socket.release()));
  struct stat status {};
  if (::lstat(address.unix_path.c_str(), &status) != 0) return failure(address);
  listener.file_ = FileId{status.st_dev, status.st_ino};
  if (auto given = give_to(address); !given) return tl::unexpected(given.error());
  // Within the lock: who gets it next finds somebody that answers.
  if (::listen(descriptor_of(listener.handle_), backlog) != 0) return failure(address);
  return listener;
}

void Listener::wake() const { ::shutdown(descriptor_of(handle_), SHUT_RDWR); }

std::vector<Arrival> accept_connections(std::span<const Listener> listeners, milliseconds timeout) {
  std::vector<Arrival> arrivals;
  std::vector<pollfd> entries;
  entries.reserve(listeners.size());
  for (const Listener& listener : listeners) {
    entries.push_back({descriptor_of(listener.handle()), POLLIN, 0});
  }
  const auto wait = static_cast<int>(std::clamp<std::int64_t>(timeout.count(), 0, 3'600'000));
  if (::poll(entries.data(), static_cast<nfds_t>(entries.size()), wait) <= 0) return arrivals;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].revents == 0) continue;
    const int fd = ::accept(entries[i].fd, nullptr, nullptr);
    if (fd >= 0) {
      arrivals.push_back({Socket(static_cast<Socket::Handle>(fd)), &listeners[i]});
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED) {
      // Out of descriptors or memory, and the connection keeps poll() ready: do not spin.
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  return arrivals;
}

}  // namespace blockwatch
