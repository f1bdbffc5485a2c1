#include "server/tls_setup.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "server/host_name.h"
#include "server/secret_file.h"
#include "storage/file_path.h"
#include "storage/ip_address.h"

namespace blockwatch {
namespace {

Result<std::string> read_public(const std::string& path) {
  std::ifstream file(to_path(path), std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    return make_error(ErrorCode::kInvalidArgument, "--tls-cert " + path + ": cannot be read");
  }
  return text;
}

Result<std::string> read_key(const std::string& path) {
  // The tools that renew certificates keep the newest behind a link; what counts is its target.
  std::error_code error;
  const auto target = std::filesystem::canonical(to_path(path), error);
  auto file = read_secret_file(error ? to_path(path) : target);
  if (!file) {
    return make_error(ErrorCode::kInvalidArgument, "--tls-key: " + file.error().message);
  }
  if (!*file)
    return make_error(ErrorCode::kInvalidArgument, "--tls-key " + path + ": no such file");
  return std::move((*file)->text);
}

// Without a port; nothing that would not be a name in a certificate.
std::string name_of(const std::string& host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  std::string name = parse_ip_address(host) ? host : host.substr(0, host.find(':'));
  const bool fits = name.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789.-_:") == std::string::npos;
  return fits ? name : std::string();
}

std::vector<std::string> names_of(const ServeConfig& config) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1", name_of(host_name())};
  for (const ListenAddress& address : config.listen) {
    const auto number = parse_ip_address(address.host);
    if (address.tls && number && !number->is_unspecified()) names.push_back(address.host);
  }
  for (const std::string& host : config.extra_hosts) names.push_back(name_of(host));
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::erase(names, "");
  return names;
}

}  // namespace

Result<TlsIdentity> read_own_identity(const ServeConfig& config) {
  TlsIdentity own;
  if (config.tls_certificate_path.empty()) return own;
  auto certificates = read_public(config.tls_certificate_path);
  if (!certificates) return tl::unexpected(certificates.error());
  auto key = read_key(config.tls_key_path);
  if (!key) return tl::unexpected(key.error());
  return TlsIdentity{std::move(*certificates), std::move(*key)};
}

Result<TlsSetup> set_up_tls(const ServeConfig& config, const TlsIdentity& own,
                            const std::string& db_path) {
  TlsSetup setup;
  const bool wanted = std::ranges::any_of(config.listen, &ListenAddress::tls);
  if (!wanted) return setup;
  TlsIdentity identity = own;
  setup.certificate_path = config.tls_certificate_path;
  if (config.tls_self_signed) {
    const auto folder = to_path(db_path).parent_path();
    const auto certificate = folder / "tls-cert.pem";
    auto kept = load_self_signed(folder / "tls-key.pem", certificate, names_of(config),
                                 std::chrono::system_clock::now());
    if (!kept) return make_error(ErrorCode::kInvalidArgument, kept.error().message);
    if (!kept->made_because.empty()) {
      spdlog::warn("made a new certificate: {}", kept->made_because);
    }
    identity = std::move(kept->identity);
    setup.certificate_path = to_utf8(certificate);
  }
  auto context = TlsContext::create(identity.certificates, identity.key);
  if (!context) return make_error(ErrorCode::kInvalidArgument, "TLS: " + context.error().message);
  setup.context = std::move(*context);
  return setup;
}

}  // namespace blockwatch
