#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <cstring>

#include "monitor/host_facts.h"

namespace blockwatch {

HostFacts host_facts() {
  HostFacts facts;
  utsname system{};
  if (uname(&system) == 0) facts.system = std::string(system.sysname) + ' ' + system.release;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return facts;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    if (one->ifa_addr->sa_family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, one->ifa_addr, sizeof(address));
      facts.addresses.push_back(IpAddress::v4(ntohl(address.sin_addr.s_addr)));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 address{};
      std::memcpy(&address, one->ifa_addr, sizeof(address));
      IpAddress ip;
      std::memcpy(ip.bytes.data(), &address.sin6_addr, ip.bytes.size());
      facts.addresses.push_back(ip);
    }
  }
  freeifaddrs(all);
  return facts;
}

}  // namespace blockwatch
