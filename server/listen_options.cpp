#include "server/listen_options.h"

#include <CLI/CLI.hpp>
#include <charconv>

namespace blockwatch {
namespace {

[[noreturn]] void fail_listen(const std::string& expected) {
  throw CLI::ValidationError("--listen", expected);
}

// HOST:PORT, with http:// or https:// before it where that is to be said.
ListenAddress parse_listen(const std::string& text, bool tls_by_default) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  ListenAddress address;
  if (text.starts_with(kUnix)) {
    address.unix_path = text.substr(kUnix.size());
    if (address.unix_path.empty()) fail_listen("expected unix:PATH");
    return address;
  }
  address.tls = tls_by_default;
  std::string_view rest = text;
  if (rest.starts_with(kHttp)) {
    address.tls = false;
    rest.remove_prefix(kHttp.size());
  } else if (rest.starts_with(kHttps)) {
    address.tls = true;
    rest.remove_prefix(kHttps.size());
  }
  const std::size_t colon = rest.rfind(':');
  const std::string_view port_text =
      colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  address.port = -1;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), address.port);
  if (error != std::errc{} || end != port_text.data() + port_text.size() || address.port < 0 ||
      address.port > 65'535) {
    fail_listen("\"" + text + "\": expected HOST:PORT, such as 127.0.0.1:8470 or :0, or unix:PATH");
  }
  if (colon > 0) address.host = rest.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

}  // namespace

void set_listen(const std::vector<std::string>& texts, ServeConfig& config) {
  const bool tls = config.tls_self_signed || !config.tls_certificate_path.empty();
  if (!texts.empty()) config.listen.clear();
  for (const std::string& text : texts) config.listen.push_back(parse_listen(text, tls));
  if (texts.empty()) config.listen.front().tls = tls;
  for (ListenAddress& address : config.listen) {
    address.unix_user = config.user;
    if (address.is_unix() || (address.is_local() && !address.tls) || (address.tls && tls)) continue;
    fail_listen(address.url() +
                ": only with TLS: add --tls self-signed, or --tls-cert and --tls-key" +
                (address.is_local() ? "" : "; other computers could reach this address"));
  }
}

void add_listen_options(CLI::App& app, std::vector<std::string>& listen, ServeConfig& config) {
  app.add_option("--listen", listen,
                 "HOST:PORT, port 0 picks a free one; or unix:PATH, a socket file (repeat). "
                 "https:// or http:// before a loopback address says with or without TLS")
      ->type_name("ADDRESS")
      ->allow_extra_args(false)
      ->default_str("127.0.0.1:8470");
  CLI::Option* tls = app.add_option_function<std::string>(
      "--tls", [&config](const std::string&) { config.tls_self_signed = true; },
      "self-signed: make a key and a certificate beside the database, print its fingerprint");
  tls->check(CLI::IsMember({"self-signed"}))->type_name("WORD");
  CLI::Option* certificate = app.add_option("--tls-cert", config.tls_certificate_path,
                                            "Instead: the certificate, and what is between it and "
                                            "its root, in PEM");
  CLI::Option* key = app.add_option("--tls-key", config.tls_key_path,
                                    "Its key in PEM; a file that only its owner may read");
  certificate->type_name("FILE")->needs(key)->excludes(tls);
  key->type_name("FILE")->needs(certificate);
  app.add_option("--user", config.user,
                 "Started as root: open the addresses, then go on as this user (Linux)")
      ->type_name("NAME");
}

}  // namespace blockwatch
