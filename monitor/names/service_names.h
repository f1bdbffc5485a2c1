#pragma once
// Which services run in a process: many share one program file, svchost.exe.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "storage/timestamp.h"

namespace blockwatch {

struct RunningService {
  std::uint32_t process_id = 0;
  std::string name;  // the short one: "Dnscache"
};

// The service control manager and the process table. One thread.
class ServiceManager {
 public:
  virtual ~ServiceManager() = default;
  virtual std::vector<RunningService> services() = 0;  // empty when they cannot be read
  // When the process that has this id now was started; nullopt when there is none.
  virtual std::optional<Timestamp> started(std::uint32_t process_id) = 0;
};

// One thread.
class ServiceNames {
 public:
  using Clock = std::chrono::steady_clock;

  // How long a list is used, and how long it is kept though a process is not in it.
  static constexpr std::chrono::seconds kMaxAge{60};
  static constexpr std::chrono::seconds kMinAge{1};

  explicit ServiceNames(std::unique_ptr<ServiceManager> manager) : manager_(std::move(manager)) {}

  // Names of the services in the process that had this id at `time`, "Dnscache, NlaSvc"; empty when
  // that process is gone or none are known. Ids are used again, hence the time.
  std::string at(std::uint64_t process_id, Timestamp time, Clock::time_point now);

 private:
  struct Process {
    Timestamp started;
    std::string services;
  };

  void read(Clock::time_point now);

  std::unique_ptr<ServiceManager> manager_;
  std::unordered_map<std::uint32_t, Process> processes_;
  std::optional<Clock::time_point> read_at_;
};

}  // namespace blockwatch
