#include "server/self_signed.h"

#include "server/secret_file.h"
#include "server/tls.h"

namespace blockwatch {

Result<SelfSigned> load_self_signed(const std::filesystem::path& path,
                                    const std::filesystem::path& public_path,
                                    const std::vector<std::string>& names,
                                    std::chrono::system_clock::time_point now) {
  auto file = read_secret_file(path);
  if (!file) return tl::unexpected(file.error());
  SelfSigned result;
  if (*file) {
    // One text, so that key and certificate are replaced together.
    result.identity = {(*file)->text, (*file)->text};
    if (auto checked = TlsContext::create((*file)->text, (*file)->text); !checked) {
      return make_error(ErrorCode::kCorrupt, path.string() + ": " + checked.error().message +
                                                 "; remove the file to have a new one made");
    }
    result.made_because = renewal_reason(result.identity, names, now);
    if (result.made_because.empty()) return result;
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
  if (auto kept = replace_secret_file(public_path, identity.certificates); !kept) {
    return tl::unexpected(kept.error());
  }
  return result;
}

}  // namespace blockwatch
