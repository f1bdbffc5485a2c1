#include "server/firewall_log/nft.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <system_error>

namespace blockwatch {
namespace {

constexpr std::array kPlaces{"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/bin/nft"};
constexpr std::size_t kMaxOutput = 256U << 20U;  // rulesets with large sets take some megabytes

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) ends_ = {-1, -1};
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  bool valid() const { return ends_[0] >= 0; }
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_end(std::size_t end) {
    if (ends_.at(end) >= 0) ::close(ends_.at(end));
    ends_.at(end) = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

tl::unexpected<Error> failure(const char* what) {
  return make_error(ErrorCode::kIo,
                    std::string(what) + ": " + std::system_category().message(errno));
}

// Appends what is there; false at the end.
bool read_some(int fd, std::string& text) {
  std::array<char, 65536> buffer{};
  const ssize_t count = ::read(fd, buffer.data(), buffer.size());
  if (count < 0) return errno == EINTR;
  text.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0 && text.size() <= kMaxOutput;
}

// Gives `input` to the one pipe and reads the other two until they end.
void exchange(Pipe& in, std::string_view input, Pipe& out, std::string& output, Pipe& error,
              std::string& errors) {
  ::fcntl(in.write_end(), F_SETFL, O_NONBLOCK);
  if (input.empty()) in.close_end(1);
  while (out.read_end() >= 0 || error.read_end() >= 0) {
    std::array<pollfd, 3> wait{
        {{in.write_end(), POLLOUT, 0}, {out.read_end(), POLLIN, 0}, {error.read_end(), POLLIN, 0}}};
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return;
    if (wait[0].revents != 0) {
      const ssize_t count = ::write(in.write_end(), input.data(), input.size());
      if (count > 0) input.remove_prefix(static_cast<std::size_t>(count));
      if (input.empty() || (count < 0 && errno != EAGAIN && errno != EINTR)) in.close_end(1);
    }
    if (wait[1].revents != 0 && !read_some(out.read_end(), output)) out.close_end(0);
    if (wait[2].revents != 0 && !read_some(error.read_end(), errors)) error.close_end(0);
  }
}

const char* find_nft() {
  for (const char* const place : kPlaces) {
    if (::access(place, X_OK) == 0) return place;
  }
  return nullptr;
}

Error nft_error(const std::string& errors) {
  if (errors.find("Operation not permitted") != std::string::npos) {
    return {ErrorCode::kPermission,
            "the firewall's rules may be read and changed with CAP_NET_ADMIN only: run it as root"};
  }
  return {ErrorCode::kIo, "nft: " + errors.substr(0, errors.find('\n'))};
}

// In the child: a network of its own; without rights as root of a user namespace of its own.
bool enter_scratch_network() {
  if (::unshare(CLONE_NEWNET) == 0) return true;
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  std::ofstream uids("/proc/self/uid_map");
  uids << "0 " << user << " 1" << std::flush;
  return uids.good();
}

}  // namespace

Result<std::string> run_nft(const std::vector<std::string>& arguments, std::string_view input) {
  const char* const program = find_nft();
  if (program == nullptr) {
    return make_error(ErrorCode::kUnsupported, "nft is not installed (Debian's package nftables)");
  }
  Pipe in;
  Pipe out;
  Pipe error;
  if (!in.valid() || !out.valid() || !error.valid()) return failure("pipe");
  // A program that ends before it has read everything is told by its exit code.
  const auto before = std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): cannot fail

  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.read_end(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.write_end(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, error.write_end(), STDERR_FILENO);
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  std::array<char*, 1> no_environment{nullptr};
  pid_t child = 0;
  const int code =
      ::posix_spawn(&child, program, &actions, nullptr, pointers.data(), no_environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  in.close_end(0);
  out.close_end(1);
  error.close_end(1);
  std::string output;
  std::string errors;
  int status = 0;
  if (code == 0) {
    exchange(in, input, out, output, error, errors);
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  std::signal(SIGPIPE, before);  // NOLINT(cert-err33-c)
  errno = code;
  if (code != 0) return failure(program);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return tl::unexpected(nft_error(errors));
  return output;
}

Result<std::string> preview_nft(std::string_view commands, const std::string& table) {
  enum : int { kDone, kNoNamespace, kFailed };
  Pipe out;
  if (!out.valid()) return failure("pipe");
  const pid_t child = ::fork();
  if (child < 0) return failure("fork");
  if (child == 0) {
    if (!enter_scratch_network()) ::_exit(kNoNamespace);
    auto text = run_nft({"-j", "-f", "-"}, commands);
    if (text) text = run_nft({"list", "table", "inet", table});
    const std::string answer = text ? *text : text.error().message;
    std::string_view left = answer;
    while (!left.empty()) {
      const ssize_t count = ::write(out.write_end(), left.data(), left.size());
      if (count <= 0) break;
      left.remove_prefix(static_cast<std::size_t>(count));
    }
    ::_exit(text ? kDone : kFailed);
  }
  out.close_end(1);
  std::string answer;
  while (read_some(out.read_end(), answer)) {
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kFailed;
  if (code == kNoNamespace) {
    return make_error(ErrorCode::kUnsupported, "no network namespace can be made here");
  }
  if (code != kDone) return make_error(ErrorCode::kIo, answer);
  return answer;
}

std::string legacy_iptables_tables() {
  std::string names;
  for (const char* const file : {"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"}) {
    std::ifstream list(file);
    for (std::string name; std::getline(list, name);) {
      if (names.find(name) == std::string::npos) names += (names.empty() ? "" : ", ") + name;
    }
  }
  return names;
}

bool is_nflog_group_taken(unsigned group) {
  // The group comes first in each line.
  std::ifstream list("/proc/net/netfilter/nfnetlink_log");
  for (std::string line; std::getline(list, line);) {
    unsigned listed = 0;
    if (std::istringstream(line) >> listed && listed == group) return true;
  }
  return false;
}

}  // namespace blockwatch
