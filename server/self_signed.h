#pragma once
// The certificate that this program makes for itself, and when it needs a new one.

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/result.h"

namespace blockwatch {

// PEM texts.
struct TlsIdentity {
  std::string certificates;
  std::string key;
};

inline constexpr std::chrono::hours kCertificateLife{825 * 24};
inline constexpr std::chrono::hours kCertificateRenewal{30 * 24};  // this long before its end

// A new ECDSA P-256 key and a certificate of it for these names and numeric addresses, valid from
// an hour before `now` on. kInternal.
Result<TlsIdentity> make_self_signed(const std::vector<std::string>& names,
                                     std::chrono::system_clock::time_point now);

// Why the certificate needs a successor; empty: it does not.
std::string renewal_reason(const TlsIdentity& identity, const std::vector<std::string>& names,
                           std::chrono::system_clock::time_point now);

struct SelfSigned {
  TlsIdentity identity;
  std::string made_because;  // empty: it was there
};

// The one kept in `path`, a file only its owner may read with key and certificate, or a new one.
// The certificate alone is in `public_path`, for clients to be given. Errors as read_secret_file();
// a damaged file is one: whoever trusts the fingerprint should know.
Result<SelfSigned> load_self_signed(const std::filesystem::path& path,
                                    const std::filesystem::path& public_path,
                                    const std::vector<std::string>& names,
                                    std::chrono::system_clock::time_point now);

}  // namespace blockwatch
