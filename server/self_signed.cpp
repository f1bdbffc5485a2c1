#include "server/self_signed.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "server/secret_file.h"
#include "server/tls.h"

namespace blockwatch {
namespace {

constexpr const char* kCertificate = "-----BEGIN CERTIFICATE-----";

// Also when it is there already, of an earlier certificate: the program may have ended in between.
Result<SelfSigned> publish(SelfSigned made, const std::filesystem::path& path) {
  {
    std::ifstream file(path, std::ios::binary);
    const std::string published{std::istreambuf_iterator<char>(file), {}};
    if (published == made.identity.certificates) return made;
  }  // Windows replaces no file that is open
  if (auto kept = replace_secret_file(path, made.identity.certificates); !kept) {
    return tl::unexpected(kept.error());
  }
  return made;
}

}  // namespace

Result<SelfSigned> load_self_signed(const std::filesystem::path& path,
                                    const std::filesystem::path& public_path,
                                    const std::vector<std::string>& names,
                                    std::chrono::system_clock::time_point now) {
  auto file = read_secret_file(path);
  if (!file) return tl::unexpected(file.error());
  SelfSigned result;
  if (*file) {
    // One text, so that key and certificate are replaced together.
    const std::string& text = (*file)->text;
    result.identity = {text.substr(std::min(text.find(kCertificate), text.size())), text};
    if (auto checked = TlsContext::create(result.identity.certificates, text); !checked) {
      return make_error(ErrorCode::kCorrupt, path.string() + ": " + checked.error().message +
                                                 "; remove the file to have a new one made");
    }
    result.made_because = renewal_reason(result.identity, names, now);
    if (result.made_because.empty()) return publish(std::move(result), public_path);
  } else {
    result.made_because = "there was none";
  }
  auto made = make_self_signed(names, now);
  if (!made) return tl::unexpected(made.error());
  result.identity = std::move(*made);
  const TlsIdentity& identity = result.identity;
  if (auto kept = replace_secret_file(path, identity.key + identity.certificates); !kept) {
    return tl::unexpected(kept.error());
  }
  return publish(std::move(result), public_path);
}

}  // namespace blockwatch
