#include <windows.h>

#include <algorithm>
#include <filesystem>

#include "server/file_names.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

std::vector<std::string> files_of(const std::filesystem::path& pattern) {
  std::vector<std::string> files;
  WIN32_FIND_DATAW found{};
  const HANDLE search = ::FindFirstFileExW(pattern.c_str(), FindExInfoBasic, &found,
                                           FindExSearchNameMatch, nullptr, 0);
  if (search == INVALID_HANDLE_VALUE) return files;
  do {
    if ((found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) continue;
    files.push_back(to_utf8(pattern.parent_path() / found.cFileName));
  } while (::FindNextFileW(search, &found) != FALSE);
  ::FindClose(search);
  std::ranges::sort(files);
  return files;
}

}  // namespace

std::vector<std::string> expand_file_names(std::vector<std::string> words) {
  std::vector<std::string> all;
  for (std::string& word : words) {
    const std::filesystem::path path = to_path(word);
    std::vector<std::string> files;
    if (path.filename().wstring().find_first_of(L"*?") != std::wstring::npos) {
      files = files_of(path);
    }
    if (files.empty()) files.push_back(std::move(word));
    std::ranges::move(files, std::back_inserter(all));
  }
  return all;
}

}  // namespace blockwatch
