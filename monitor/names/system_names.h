#pragma once
// The names of the running system put together; the system itself stays behind the three functions
// and classes that are handed in.

#include <chrono>
#include <functional>
#include <memory>

#include "monitor/name_resolver.h"
#include "monitor/names/device_paths.h"
#include "monitor/names/filter_names.h"
#include "monitor/names/service_names.h"

namespace blockwatch {

struct SystemParts {
  DevicePaths::ReadVolumes volumes;
  std::unique_ptr<FilterEngine> filters;
  std::unique_ptr<ServiceManager> services;
  // When this Windows started: volumes, filters and processes were numbered anew.
  std::function<Timestamp()> started;
  std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
};

std::unique_ptr<NameResolver> make_system_names(SystemParts parts);

}  // namespace blockwatch
