#include "monitor/names/device_paths.h"

#include <algorithm>
#include <tuple>

#include "storage/words.h"

namespace blockwatch {

namespace {

constexpr std::string_view kDevicePrefix = "\\Device\\";

bool starts_with(std::string_view path, std::string_view prefix) {
  return path.size() >= prefix.size() && equal_ignoring_case(path.substr(0, prefix.size()), prefix);
}

// What QueryDosDevice gives of a drive that SUBST made is another path ("\??\C:\folder").
bool is_usable(const Volume& volume) {
  return starts_with(volume.device, kDevicePrefix) && volume.device.size() > kDevicePrefix.size() &&
         volume.device.back() != '\\' && !volume.drive.empty();
}

}  // namespace

std::optional<std::string> DevicePaths::with_drive(std::string_view path, Clock::time_point now) {
  if (!starts_with(path, kDevicePrefix)) return std::nullopt;
  const Volume* volume = find(path);
  if (!read_at_ || now - *read_at_ >= (volume == nullptr ? kMinAge : kMaxAge)) {
    volumes_ = read_();
    read_at_ = now;
    std::erase_if(volumes_, [](const Volume& v) { return !is_usable(v); });
    std::sort(volumes_.begin(), volumes_.end(), [](const Volume& a, const Volume& b) {
      return std::tuple(b.device.size(), a.drive) < std::tuple(a.device.size(), b.drive);
    });
    volume = find(path);
  }
  if (volume == nullptr) return std::nullopt;
  return volume->drive + std::string(path.substr(volume->device.size()));
}

const Volume* DevicePaths::find(std::string_view path) const {
  // "\device\harddiskvolume1" is not the beginning of "\device\harddiskvolume12\...".
  const auto found = std::find_if(volumes_.begin(), volumes_.end(), [path](const Volume& v) {
    return path.size() > v.device.size() && path[v.device.size()] == '\\' &&
           starts_with(path, v.device);
  });
  return found == volumes_.end() ? nullptr : &*found;
}

}  // namespace blockwatch
