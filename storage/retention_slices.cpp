#include "storage/retention_slices_internal.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

namespace blockwatch {
namespace {

constexpr std::uint64_t kRows = 2'000;
constexpr std::int64_t kDay = std::int64_t{24} * 3600 * Timestamp::kTicksPerSecond;
// So many go back before the first possible event: more are for ever, too.
constexpr std::int64_t kMostDays = kMaxTimestamp.ticks / kDay;
// A killed program forgets no more of what it knows of the clock.
constexpr std::int64_t kKeepEvery = std::int64_t{600} * Timestamp::kTicksPerSecond;

}  // namespace

Result<bool> RetentionSlices::next(Store& store, bool idle) {
  // First what takes room without rows: it counts as used.
  auto swept = store.clean_up(/*shrink=*/false);
  if (!swept || *swept) return swept;
  const auto deleted = delete_some(store);
  if (!deleted) return tl::unexpected<Error>(deleted.error());
  if (*deleted > 0) return true;
  return idle ? store.clean_up(/*shrink=*/true) : Result<bool>(false);
}

Result<std::uint64_t> RetentionSlices::delete_some(Store& store) {
  if (options_.days > 0) {
    const auto late = time(store);
    if (!late) return tl::unexpected<Error>(late.error());
    const std::int64_t days = std::min(std::int64_t{options_.days}, kMostDays);
    auto deleted = store.delete_oldest(kRows, Timestamp{late->ticks - days * kDay});
    if (!deleted || *deleted > 0) return deleted;
  }
  if (options_.max_bytes == 0) return std::uint64_t{0};
  auto used = store.used_bytes();
  if (!used) return used;
  if (*used <= options_.max_bytes) return std::uint64_t{0};
  auto deleted = store.delete_oldest(kRows, kMaxTimestamp);
  if (!deleted || *deleted > 0) return deleted;
  return make_error(ErrorCode::kUnavailable,
                    "the store takes " + std::to_string(*used) +
                        " bytes without any event, more than the bound of " +
                        std::to_string(options_.max_bytes));
}

Result<Timestamp> RetentionSlices::time(Store& store) {
  const auto steady = std::chrono::steady_clock::now();
  if (!clock_) {
    kept_ = {};
    const auto kept = store.retention_time();
    if (!kept) return tl::unexpected<Error>(kept.error());
    clock_.emplace(*kept, now(), steady);
  }
  const Timestamp late = clock_->look(now(), steady);
  // A disk that is too full for this must not keep old events from being deleted: the next look
  // tries again.
  if (std::abs(late.ticks - kept_.ticks) >= kKeepEvery && store.save(clock_->now())) kept_ = late;
  return late;
}

}  // namespace blockwatch
