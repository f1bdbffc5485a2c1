#pragma once
// Functions of Windows' own libraries that are not loaded with the program.

namespace blockwatch {

using AnyFunction = void (*)();

// From the DLL `library` in the system's folder and nowhere else: an imported one that is not among
// Windows' "known" DLLs would be looked for beside the program first, in a download folder perhaps.
// Null: this Windows does not have it.
AnyFunction find_system_function(const wchar_t* library, const char* name);

template <class Function>
Function* system_function(const wchar_t* library, const char* name) {
  return reinterpret_cast<Function*>(find_system_function(library, name));
}

}  // namespace blockwatch
