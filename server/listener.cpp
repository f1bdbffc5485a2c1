#include "server/listener.h"

#include "storage/ip_address.h"

namespace blockwatch {

bool ListenAddress::is_local() const {
  if (is_unix() || host == "localhost") return true;
  const auto address = parse_ip_address(host);
  return address && address->is_loopback();
}

std::string ListenAddress::url() const {
  if (is_unix()) return "unix:" + unix_path;
  const bool is_v6 = host.find(':') != std::string::npos;
  return std::string(tls ? "https://" : "http://") + (is_v6 ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}

Result<Listener> Listener::open(const ListenAddress& address, int backlog) {
  if (address.is_unix()) return open_unix(address, backlog);
  if (address.port < 0 || address.port > 65'535) {
    return make_error(ErrorCode::kInvalidArgument, "expected a port from 0 to 65535");
  }
  ListenAddress numeric = address;
  if (numeric.host == "localhost") numeric.host = "127.0.0.1";
  if (!parse_ip_address(numeric.host)) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "cannot listen on '" + address.host + "': expected localhost or a numeric address");
  }
  return open_tcp(numeric, backlog);
}

}  // namespace blockwatch
