// make_nflog_seeds FOLDER: the inputs that fuzz_nflog begins with.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/netfilter/nflog_builder.h"

int main(int argc, char** argv) {
  using namespace blockwatch;
  if (argc != 2) return 2;
  const std::string chain = options_header(43, 2) + options_header(60) + options_header(51) +
                            authentication_header(44) + fragment_header(17, 1) + udp_header(5, 6);
  const auto expressions = [](netlink::Writer& writer) {
    put_expression(writer, "cmp");
    put_log(writer, 8470, "drop");
    put_verdict(writer, 0);
  };
  const std::vector<std::string> seeds{
      nflog_message({.seconds = 1'700'000'000, .payload = ipv4_packet(6, tcp_header(1, 2, 2))}),
      nflog_message(
          {.family = netfilter::kIpv6, .hook = 3, .uid = 0, .payload = ipv6_packet(0, chain)}),
      nflog_message({.payload = ipv4_packet(1, icmp_header(8, 0), 0x2000, std::string(8, '\1'))}) +
          nflog_message({.payload = ipv4_packet(132, sctp_header(1, 2, 1))}),
      chain_message(netfilter::kInet, "t", "in", netfilter::kLocalIn) +
          rule_message(netfilter::kInet, "t", "in", 42, expressions) + generation_message(3) +
          error_message(-1),
  };
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    const auto path = std::filesystem::path(argv[1]) / ("seed" + std::to_string(i));
    std::ofstream file(path, std::ios::binary);
    file << seeds[i];
    if (!file) return 1;
  }
  return 0;
}
