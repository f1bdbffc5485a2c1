#pragma once
// Functions of libraries that are taken from the system folder only: a file of the same name beside
// the program would run with its rights.

#include <windows.h>

namespace blockwatch {

// Null with GetLastError() when there is none. It stays loaded: its functions are used until the
// program ends.
inline HMODULE load_from_system(const wchar_t* name) {
  return LoadLibraryExW(name, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
}

template <class Function>
bool find_function(HMODULE library, const char* name, Function& function) {
  // Through void*: the two function types have nothing in common.
  function = reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(library, name)));
  return function != nullptr;
}

}  // namespace blockwatch
