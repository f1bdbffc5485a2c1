#pragma once
// Where the store lives unless told otherwise.

#include <filesystem>

#include "storage/result.h"

namespace blockwatch {

// $STATE_DIRECTORY (systemd), then "blockwatch" in the user's data folder (XDG_DATA_HOME or
// ~/.local/share). On Windows ProgramData\Blockwatch for the system and administrators, so that a
// service and they see the same, and LOCALAPPDATA\Blockwatch for others. Created when it is
// missing: for this user only, the one in ProgramData for the system and administrators only.
// kPermission: the one in ProgramData belongs or is open to others.
Result<std::filesystem::path> make_data_folder();

}  // namespace blockwatch
