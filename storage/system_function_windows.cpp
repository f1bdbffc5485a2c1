#include <windows.h>

#include "storage/system_function.h"

namespace blockwatch {

AnyFunction find_system_function(const wchar_t* library, const char* name) {
  const HMODULE module = ::LoadLibraryExW(library, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
  if (module == nullptr) return nullptr;
  return reinterpret_cast<AnyFunction>(::GetProcAddress(module, name));
}

}  // namespace blockwatch
