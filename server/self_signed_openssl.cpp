#include <array>
#include <cstdint>
#include <utility>

#include "server/openssl_types.h"
#include "server/random.h"
#include "server/self_signed.h"
#include "storage/ip_address.h"

namespace blockwatch {
namespace {

using openssl::BioPtr;
using openssl::CertificatePtr;
using openssl::KeyPtr;
using openssl::reading;
using SystemClock = std::chrono::system_clock;

// What people see in a browser's list; names are checked against the alternative names only.
constexpr const char* kSubject = "Blockwatch on this computer";

bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (!fill_random(bytes.data(), bytes.size())) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7FU) | 0x40U);  // positive, 16 bytes
  BIGNUM* number = BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
  const bool set = number != nullptr &&
                   BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

bool set_extension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  const bool set = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return set;
}

// As OpenSSL's configuration files write them.
std::string alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ',';
    text += (parse_ip_address(name) ? "IP:" : "DNS:") + name;
  }
  return text;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::vector<std::string>& names,
          SystemClock::time_point now) {
  using std::chrono::hours;
  const std::time_t from = SystemClock::to_time_t(now - hours(1));
  const std::time_t until = SystemClock::to_time_t(now + kCertificateLife);
  X509_NAME* subject = X509_get_subject_name(certificate);
  return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), until) != nullptr &&
         X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(kSubject), -1, -1,
                                    0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1 &&
         X509_set_pubkey(certificate, key) == 1 &&
         set_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         set_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
         set_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         set_extension(certificate, NID_subject_alt_name, alternative_names(names)) &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string text_in(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

bool is_named(X509* certificate, const std::string& name) {
  if (parse_ip_address(name)) return X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
  return X509_check_host(certificate, name.data(), name.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

}  // namespace

Result<TlsIdentity> make_self_signed(const std::vector<std::string>& names,
                                     SystemClock::time_point now) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertificatePtr certificate(X509_new());
  const BioPtr key_text(BIO_new(BIO_s_mem()));
  const BioPtr certificate_text(BIO_new(BIO_s_mem()));
  const bool made = key && certificate && key_text && certificate_text &&
                    fill(certificate.get(), key.get(), names, now) &&
                    PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0,
                                                  nullptr, nullptr) == 1 &&
                    PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1;
  ERR_clear_error();
  if (!made) return make_error(ErrorCode::kInternal, "no certificate could be made");
  return TlsIdentity{text_in(certificate_text.get()), text_in(key_text.get())};
}

std::string renewal_reason(const TlsIdentity& identity, const std::vector<std::string>& names,
                           SystemClock::time_point now) {
  const CertificatePtr certificate(PEM_read_bio_X509(reading(identity.certificates).get(), nullptr,
                                                     openssl::no_password, nullptr));
  ERR_clear_error();
  if (!certificate) return "it cannot be read";
  std::time_t limit = SystemClock::to_time_t(now + kCertificateRenewal);
  if (X509_cmp_time(X509_get0_notAfter(certificate.get()), &limit) <= 0) return "it ends soon";
  std::time_t today = SystemClock::to_time_t(now);
  if (X509_cmp_time(X509_get0_notBefore(certificate.get()), &today) > 0) {
    return "it is not valid yet";
  }
  for (const std::string& name : names) {
    if (!is_named(certificate.get(), name)) return "it lacks the name " + name;
  }
  return {};
}

}  // namespace blockwatch
