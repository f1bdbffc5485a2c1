#pragma once
// Who may use a file or folder that is there already.

#include <windows.h>

#include <filesystem>

namespace blockwatch {

// To change a file, to put another in its place, or to allow oneself to.
inline constexpr DWORD kReplaceRights = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD |
                                        DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE |
                                        GENERIC_ALL;
// To put another in the place of a folder, or of one in it, or to allow oneself to.
inline constexpr DWORD kMoveRights =
    FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_ALL;
// Those of what is made in a folder later included.
inline constexpr DWORD kAnyRight = MAXDWORD;

// Whether it is no link, and only the system and administrators own it and hold any of these
// rights. `or_this_user`: the account that this program runs under may, too.
bool is_for_administrators(const std::filesystem::path& path, DWORD rights, bool or_this_user);
bool is_for_administrators(HANDLE file, DWORD rights, bool or_this_user);  // open with READ_CONTROL

}  // namespace blockwatch
