#pragma once
// Paths as the kernel writes them (\device\harddiskvolume3\...) to paths with a drive letter.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blockwatch {

struct Volume {
  std::string device;  // "\Device\HarddiskVolume3"
  std::string drive;   // "C:"
};

// One thread.
class DevicePaths {
 public:
  using Clock = std::chrono::steady_clock;
  using ReadVolumes = std::function<std::vector<Volume>()>;

  // How long a table is used, and how long it is kept though a volume is not in it.
  static constexpr std::chrono::seconds kMaxAge{60};
  static constexpr std::chrono::seconds kMinAge{5};

  explicit DevicePaths(ReadVolumes read) : read_(std::move(read)) {}

  // nullopt when the path names no device, or one without a letter. Case is ignored in the device
  // and kept in the rest.
  std::optional<std::string> with_drive(std::string_view path, Clock::time_point now);

 private:
  const Volume* find(std::string_view path) const;

  ReadVolumes read_;
  std::vector<Volume> volumes_;  // longest device first
  std::optional<Clock::time_point> read_at_;
};

}  // namespace blockwatch
