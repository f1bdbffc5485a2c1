// packet_flood ADDRESS FIRST-PORT PORTS SOCKETS RATE SECONDS: sends small UDP datagrams over IPv4,
// RATE a second and no more, over PORTS x SOCKETS flows in turn. Prints how many were sent.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
  constexpr std::size_t kTogether = 64;
  constexpr std::uint64_t kMost = 5'000'000;
  if (argc != 7) return 2;
  const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
  const auto first_port = number(2);
  const auto ports = number(3);
  const auto rate = number(5);
  const std::uint64_t total = rate * number(6);
  if (ports == 0 || rate == 0 || total > kMost) return 2;
  std::vector<int> sockets(number(4));
  for (int& one : sockets) {
    one = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (one < 0) return 1;
  }
  std::array<sockaddr_in, kTogether> to{};
  std::array<mmsghdr, kTogether> messages{};
  std::array<char, 16> payload{};
  iovec bytes{.iov_base = payload.data(), .iov_len = payload.size()};
  for (std::size_t i = 0; i < kTogether; ++i) {
    to.at(i).sin_family = AF_INET;
    if (::inet_pton(AF_INET, argv[1], &to.at(i).sin_addr) != 1) return 2;
    messages.at(i).msg_hdr = {.msg_name = &to.at(i),
                              .msg_namelen = sizeof(sockaddr_in),
                              .msg_iov = &bytes,
                              .msg_iovlen = 1};
  }
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t sent = 0;
  while (sent < total) {
    for (std::size_t i = 0; i < kTogether; ++i) {
      to.at(i).sin_port = htons(static_cast<std::uint16_t>(first_port + (sent + i) % ports));
    }
    const auto together = std::min<std::uint64_t>(kTogether, total - sent);
    const int done = ::sendmmsg(sockets[sent / ports % sockets.size()], messages.data(),
                                static_cast<unsigned>(together), 0);
    if (done < 0) return 1;
    sent += static_cast<std::uint64_t>(done);
    std::this_thread::sleep_until(start + std::chrono::nanoseconds(sent * 1'000'000'000 / rate));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%llu %.3f\n", static_cast<unsigned long long>(sent), took.count());
  for (const int one : sockets) ::close(one);
  return 0;
}
