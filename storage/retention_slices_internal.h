#pragma once
// What retention does next: a slice of a few milliseconds.

#include <cstdint>
#include <optional>

#include "storage/event_store.h"
#include "storage/event_writer.h"
#include "storage/retention_clock.h"

namespace blockwatch {

// The writer's thread only.
class RetentionSlices {
 public:
  explicit RetentionSlices(RetentionOptions options) : options_(options) {}

  void set(RetentionOptions options) { options_ = options; }
  // Another store may know another time.
  void forget_clock() { clock_.reset(); }

  // One slice. `idle`: there is time for more than deleting. False: nothing was to be done.
  Result<bool> next(Store& store, bool idle);

 private:
  Result<std::uint64_t> delete_some(Store& store);
  Result<Timestamp> time(Store& store);

  RetentionOptions options_;
  std::optional<RetentionClock> clock_;
  Timestamp kept_;  // what the store has of it
};

}  // namespace blockwatch
