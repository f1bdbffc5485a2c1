#pragma once
// Who may use a file or folder that is about to be made.

#include <windows.h>
// After windows.h.
#include <sddl.h>

namespace blockwatch {

class AccessList {
 public:
  // In Windows' text form (SDDL).
  explicit AccessList(const wchar_t* sddl) {
    ::ConvertStringSecurityDescriptorToSecurityDescriptorW(
        sddl, SDDL_REVISION_1, &attributes_.lpSecurityDescriptor, nullptr);
  }
  ~AccessList() { ::LocalFree(attributes_.lpSecurityDescriptor); }
  AccessList(const AccessList&) = delete;
  AccessList& operator=(const AccessList&) = delete;

  // Null: no memory, or a fault in the text.
  SECURITY_ATTRIBUTES* get() {
    return attributes_.lpSecurityDescriptor == nullptr ? nullptr : &attributes_;
  }

 private:
  SECURITY_ATTRIBUTES attributes_{sizeof(SECURITY_ATTRIBUTES), nullptr, FALSE};
};

}  // namespace blockwatch
