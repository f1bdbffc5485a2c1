#include "tests/support/let_others_read.h"

#include <windows.h>
// After windows.h.
#include <sddl.h>

#include <cstdlib>

namespace blockwatch {

void let_others_read(const std::filesystem::path& path) {
  PSECURITY_DESCRIPTOR rights = nullptr;
  if (!::ConvertStringSecurityDescriptorToSecurityDescriptorW(
          L"D:P(A;;FA;;;OW)(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;WD)", SDDL_REVISION_1, &rights,
          nullptr) ||
      !::SetFileSecurityW(path.c_str(), DACL_SECURITY_INFORMATION, rights)) {
    std::abort();
  }
  ::LocalFree(rights);
}

}  // namespace blockwatch
