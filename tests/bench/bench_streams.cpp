// Many clients of one stream: starts blockwatchd on an empty store, feeds it events through its
// standard input, and checks that every client gets each event once and in order. Tells how long an
// event takes from arrival to client, and what it costs the server.
//
//   bench_streams [--short] [--clients N] [--rate EVENTS_PER_S] [--seconds N] [--query PARAMETERS]
//                 [--distinct] [--server PROGRAM]
//
// With --distinct no two clients ask the same: each has a filter of its own, which excludes
// nothing.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  unsigned clients = 1000;
  unsigned rate = 1000;
  unsigned seconds = 10;
  std::string query;
  bool distinct = false;
  std::string server = BLOCKWATCH_SERVER;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench_streams: %s\n", what.c_str());
  std::exit(1);
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch())
      .count();
}

// blockwatchd on a store of its own, with a pipe as its source.
class Server {
 public:
  explicit Server(const Options& options) {
    folder_ = std::filesystem::temp_directory_path() /
              ("blockwatch-bench-streams-" + std::to_string(std::random_device{}()));
    std::filesystem::create_directory(folder_);
    const std::string db = (folder_ / "events.db").string();
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) fail("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execl(options.server.c_str(), "blockwatchd", "--listen", "127.0.0.1:0", "--db", db.c_str(),
              "--source", "stdin:jsonl", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    if (pid_ < 0) fail("cannot start " + options.server);
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    const std::size_t colon = line.rfind(':');
    if (!line.starts_with("listening on ") || colon == std::string::npos) {
      fail(options.server + " does not serve: " + line);
    }
    port_ = static_cast<std::uint16_t>(std::strtoul(line.c_str() + colon + 1, nullptr, 10));
  }
  ~Server() {
    ::close(input_);
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int input() const { return input_; }
  std::uint16_t port() const { return port_; }

  double cpu_seconds() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    std::string text;
    std::getline(file, text);
    text.erase(0, text.rfind(')') + 2);
    std::uint64_t ticks = 0;
    std::size_t at = 0;
    for (int field = 3; field <= 15 && at != std::string::npos; ++field) {
      if (field >= 14) ticks += std::strtoull(text.c_str() + at, nullptr, 10);
      at = text.find(' ', at);
      if (at != std::string::npos) ++at;
    }
    return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

  double resident_mb() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    file >> size >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
  }

 private:
  std::filesystem::path folder_;
  pid_t pid_ = 0;
  int input_ = -1;
  std::uint16_t port_ = 0;
};

// When each event was sent, by its number: seq n is the n-th event, as there is one source.
class SentTimes {
 public:
  explicit SentTimes(std::size_t events) : times_(events + 1) {}
  void set(std::uint64_t seq, std::int64_t us) { times_[seq] = us; }
  std::int64_t operator[](std::uint64_t seq) const { return times_[seq]; }
  std::uint64_t events() const { return times_.size() - 1; }

 private:
  std::vector<std::atomic<std::int64_t>> times_;
};

// Milliseconds from arrival to client, in steps of 0.1.
class Latencies {
 public:
  void add(std::int64_t us) {
    const auto step = static_cast<std::size_t>(std::max<std::int64_t>(0, us) / 100);
    ++counts_[std::min(step, counts_.size() - 1)];
    ++total_;
  }
  double percentile(double part) const {
    auto left = static_cast<std::uint64_t>(static_cast<double>(total_) * part);
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > left) return static_cast<double>(i + 1) / 10;
      left -= counts_[i];
    }
    return static_cast<double>(counts_.size()) / 10;
  }
  std::uint64_t total() const { return total_; }

 private:
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(100'000);
  std::uint64_t total_ = 0;
};

// One client: takes the chunks apart, then the lines, and checks the ids.
class Client {
 public:
  Client(int fd, const SentTimes& sent, Latencies& latencies)
      : fd_(fd), sent_(&sent), latencies_(&latencies) {}

  int fd() const { return fd_; }
  bool in_body() const { return part_ != Part::kHead; }
  bool closed() const { return closed_; }
  bool wrong() const { return wrong_; }
  std::uint64_t last_seq() const { return last_seq_; }

  void read_available() {
    std::array<char, 256 * 1024> buffer;
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count > 0) {
      time_ = now_us();
      take({buffer.data(), static_cast<std::size_t>(count)});
    } else if (count == 0 || errno != EAGAIN) {
      closed_ = true;
    }
  }

 private:
  enum class Part : std::uint8_t { kHead, kLength, kText, kLineEnd };

  void take(std::string_view bytes) {
    while (!bytes.empty() && !closed_) {
      if (part_ == Part::kText) {
        const std::string_view text = bytes.substr(0, chunk_left_);
        take_text(text);
        bytes.remove_prefix(text.size());
        chunk_left_ -= text.size();
        if (chunk_left_ == 0) part_ = Part::kLineEnd;
        continue;
      }
      const std::size_t end = bytes.find('\n');
      framing_.append(bytes.substr(0, end == std::string_view::npos ? end : end + 1));
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      if (part_ == Part::kHead) {
        if (!framing_.ends_with("\r\n\r\n")) continue;
        if (!framing_.starts_with("HTTP/1.1 200 ")) closed_ = true;
        part_ = Part::kLength;
      } else if (part_ == Part::kLength) {
        std::from_chars(framing_.data(), framing_.data() + framing_.size(), chunk_left_, 16);
        part_ = Part::kText;
        if (chunk_left_ == 0) closed_ = true;
      } else {
        part_ = Part::kLength;
      }
      framing_.clear();
    }
  }

  void take_text(std::string_view text) {
    if (!line_.empty()) {
      const std::size_t end = text.find('\n');
      line_.append(text.substr(0, end));
      if (end == std::string_view::npos) return;
      take_line(line_);
      line_.clear();
      text.remove_prefix(end + 1);
    }
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos) {
        line_ = text;
        return;
      }
      take_line(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
  }

  void take_line(std::string_view line) {
    if (!line.starts_with("id: ")) return;
    std::uint64_t seq = 0;
    std::from_chars(line.data() + 4, line.data() + line.size(), seq);
    if (seq != last_seq_ + 1 || seq > sent_->events()) {
      wrong_ = true;
      return;
    }
    last_seq_ = seq;
    latencies_->add(time_ - (*sent_)[seq]);
  }

  int fd_;
  const SentTimes* sent_;
  Latencies* latencies_;
  Part part_ = Part::kHead;
  std::string framing_;
  std::size_t chunk_left_ = 0;
  std::string line_;
  std::uint64_t last_seq_ = 0;
  std::int64_t time_ = 0;
  bool closed_ = false;
  bool wrong_ = false;
};

int connect_to(std::uint16_t port, const std::string& query) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    fail(std::string("cannot connect: ") + std::strerror(errno));
  }
  const std::string request = "GET /api/v1/events/stream" + (query.empty() ? "" : "?" + query) +
                              " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\n\r\n";
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) fail("cannot send");
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
  return fd;
}

// What winlogbeat writes for a blocked connection.
std::string event_line(std::uint64_t n, const std::string& time) {
  const std::string number = std::to_string(n);
  const std::string port = std::to_string(49152 + n % 16384);
  return R"({"@timestamp":")" + time + R"(","winlog":{"event_id":5157,"version":1,"record_id":)" +
         number +
         R"(,"channel":"Security","computer_name":"PC01.example.corp",)"
         R"("provider_name":"Microsoft-Windows-Security-Auditing","event_data":{"ProcessID":"4711",)"
         R"("Application":"\\device\\harddiskvolume3\\program files\\vendor\\product\\app.exe",)"
         R"("Direction":"%%14593","SourceAddress":"192.168.1.100","SourcePort":")" +
         port + R"(","DestAddress":"198.51.100.)" + std::to_string(n % 200) +
         R"(","DestPort":"443","Protocol":"6","FilterRTID":"67045","LayerName":"%%14611",)"
         R"("LayerRTID":"48","RemoteUserID":"S-1-0-0","RemoteMachineID":"S-1-0-0"}}})"
         "\n";
}

std::string time_text() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000Z", &parts);
  return text.data();
}

// One event after the other, each at its time.
void feed(int input, const Options& options, SentTimes& sent) {
  const auto start = Clock::now();
  for (std::uint64_t n = 1; n <= sent.events();) {
    std::this_thread::sleep_until(start + std::chrono::nanoseconds(1'000'000'000 / options.rate) *
                                              static_cast<std::int64_t>(n));
    const auto due = static_cast<std::uint64_t>(
        std::chrono::duration<double>(Clock::now() - start).count() * options.rate);
    const std::string time = time_text();
    std::string lines;
    const std::uint64_t last = std::clamp(due, n, std::min(n + 63, sent.events()));
    const std::int64_t us = now_us();
    for (; n <= last; ++n) {
      lines += event_line(n, time);
      sent.set(n, us);
    }
    for (std::string_view left = lines; !left.empty();) {
      const ssize_t count = ::write(input, left.data(), left.size());
      if (count <= 0) fail("the server takes no events");
      left.remove_prefix(static_cast<std::size_t>(count));
    }
  }
}

class Crowd {
 public:
  Crowd(const Options& options, const Server& server, const SentTimes& sent)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    clients_.reserve(options.clients);
    for (unsigned i = 0; i < options.clients; ++i) {
      std::string query = options.query;
      // No event of event_line() has these ports.
      if (options.distinct) query += "&local_port__not=" + std::to_string(i + 1);
      clients_.emplace_back(connect_to(server.port(), query), sent, latencies_);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = i;
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, clients_.back().fd(), &event);
    }
  }
  ~Crowd() {
    for (const Client& client : clients_) ::close(client.fd());
    ::close(epoll_);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void read_some() {
    std::array<epoll_event, 256> events{};
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 20);
    for (int i = 0; i < count; ++i) {
      Client& client = clients_[events[static_cast<std::size_t>(i)].data.u32];
      client.read_available();
      if (client.closed()) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, client.fd(), nullptr);
    }
  }
  template <class Condition>
  bool all(Condition condition) const {
    return std::all_of(clients_.begin(), clients_.end(), condition);
  }
  template <class Condition>
  std::ptrdiff_t count(Condition condition) const {
    return std::count_if(clients_.begin(), clients_.end(), condition);
  }
  const Latencies& latencies() const { return latencies_; }

 private:
  int epoll_;
  Latencies latencies_;
  std::vector<Client> clients_;
};

bool run(const Options& options) {
  const Server server(options);
  SentTimes sent(std::uint64_t{options.rate} * options.seconds);
  const double resident_before = server.resident_mb();
  Crowd crowd(options, server, sent);
  const auto begin = Clock::now();
  while (!crowd.all([](const Client& client) { return client.in_body() || client.closed(); })) {
    crowd.read_some();
    if (Clock::now() - begin > std::chrono::seconds(30)) fail("not every client has an answer");
  }
  const double connect_seconds = std::chrono::duration<double>(Clock::now() - begin).count();

  const double cpu_before = server.cpu_seconds();
  const auto start = Clock::now();
  std::thread feeder([&] { feed(server.input(), options, sent); });
  const auto deadline = start + std::chrono::seconds(options.seconds + 10);
  double resident = 0;
  auto next_look = start;
  const auto complete = [&](const Client& client) { return client.last_seq() == sent.events(); };
  while (Clock::now() < deadline) {
    crowd.read_some();
    if (Clock::now() < next_look) continue;
    next_look = Clock::now() + std::chrono::milliseconds(50);
    resident = std::max(resident, server.resident_mb());
    if (crowd.all([&](const Client& c) { return c.closed() || c.wrong() || complete(c); })) break;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const double cpu = server.cpu_seconds() - cpu_before;
  feeder.join();

  const auto closed = crowd.count([](const Client& client) { return client.closed(); });
  const auto wrong = crowd.count([](const Client& client) { return client.wrong(); });
  const auto short_of = crowd.count([&](const Client& client) { return !complete(client); });
  const Latencies& latencies = crowd.latencies();
  std::printf(
      "%u clients%s, %u events/s, %u s: %.0f delivered/s; %td closed, %td out of order, %td "
      "without "
      "every event\n",
      options.clients, options.distinct ? " that ask differently" : "", options.rate,
      options.seconds, static_cast<double>(latencies.total()) / seconds, closed, wrong, short_of);
  std::printf(
      "arrival to client p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms; server %.0f %% of a core, "
      "+%.1f MB (%.1f MB before); all answered after %.2f s\n",
      latencies.percentile(0.5), latencies.percentile(0.99), latencies.percentile(0.999),
      100 * cpu / seconds, resident - resident_before, resident_before, connect_seconds);
  return closed == 0 && wrong == 0 && short_of == 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--short") {
      options.clients = 100;
      options.rate = 200;
      options.seconds = 2;
      continue;
    }
    if (name == "--distinct") {
      options.distinct = true;
      continue;
    }
    if (i + 1 == argc) fail(std::string(name) + " needs a value");
    const char* value = argv[++i];
    const auto number = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
    if (name == "--clients") {
      options.clients = number;
    } else if (name == "--rate") {
      options.rate = number;
    } else if (name == "--seconds") {
      options.seconds = number;
    } else if (name == "--query") {
      options.query = value;
    } else if (name == "--server") {
      options.server = value;
    } else {
      fail("unknown option " + std::string(name));
    }
  }
  if (options.clients == 0 || options.rate == 0 || options.seconds == 0) fail("expected numbers");
  ::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  return run(options) ? 0 : 1;
}
