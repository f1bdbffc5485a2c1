#pragma once
// Names of filters and layers by their ids, as the running filtering engine has them.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "monitor/winlog/filter.h"
#include "storage/result.h"

namespace blockwatch {

// The functions of fwpuclnt.dll, in portable terms. Errors are Windows' own numbers. One thread.
class FilterEngine {
 public:
  template <class T>
  using Answer = tl::expected<T, std::uint32_t>;

  static constexpr std::uint32_t kFilterNotFound = 0x80320003;  // FWP_E_FILTER_NOT_FOUND
  static constexpr std::uint32_t kLayerNotFound = 0x80320004;   // FWP_E_LAYER_NOT_FOUND

  virtual ~FilterEngine() = default;
  // Opens a session anew, whatever was before.
  virtual Answer<void> open() = 0;
  virtual Answer<winlog::Filter> filter(std::uint64_t id) = 0;
  virtual Answer<std::string> layer(std::uint16_t id) = 0;
};

// One thread.
class FilterNames {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::size_t kMaxKept = 4096;
  // A filter keeps its name and its id as long as it lives.
  static constexpr std::chrono::seconds kFoundFor{300};
  // A filter that is not there may be added under its id only after a restart of the engine.
  static constexpr std::chrono::seconds kMissingFor{5};
  // After an error, for all ids: the engine may be starting, or the rights may be missing.
  static constexpr std::chrono::seconds kRestAfterError{10};

  explicit FilterNames(std::unique_ptr<FilterEngine> engine) : engine_(std::move(engine)) {}

  // Null when there is no such filter, or when it cannot be asked for. Valid until the next call.
  const winlog::Filter* filter(std::uint64_t id, Clock::time_point now);
  // Empty for the same reasons.
  std::string_view layer(std::uint64_t id, Clock::time_point now);

  void forget(std::uint64_t filter_id) { filters_.erase(filter_id); }
  std::string fault() const;

 private:
  template <class T>
  struct Kept {
    std::optional<T> value;
    Clock::time_point until;
  };
  template <class T>
  using Cache = std::unordered_map<std::uint64_t, Kept<T>>;

  template <class T, class Ask>
  const T* find(Cache<T>& cache, std::uint64_t id, Clock::time_point now, Ask ask);
  bool is_open(Clock::time_point now);
  void fail(std::uint32_t error, Clock::time_point now);

  std::unique_ptr<FilterEngine> engine_;
  Cache<winlog::Filter> filters_;
  Cache<std::string> layers_;
  bool open_ = false;
  std::uint32_t error_ = 0;  // the last one
  Clock::time_point rest_until_{};
};

}  // namespace blockwatch
