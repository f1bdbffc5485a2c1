#pragma once
// Answers to pages that were asked lately, for as long as the store stays as it was: a dashboard's
// tabs ask the same again and again.

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "storage/event_store.h"

namespace blockwatch {

// A state of the store: rows come with a higher newest seq and go with a longer gap before the
// first. Nothing else of an event ever changes.
struct StoreVersion {
  std::uint64_t newest_seq = 0;
  std::uint64_t deleted_through = 0;
  friend bool operator==(const StoreVersion&, const StoreVersion&) = default;
};

Result<StoreVersion> store_version(StoreReader& reader);

// Any thread.
class PageCache {
 public:
  struct Answer {
    std::string body;
    std::string link;  // header; empty: none
  };

  // Was this target asked before, as far as that is remembered? From now on it was. Most targets
  // never are again: their answers are not worth keeping.
  bool is_asked_again(std::string_view target);

  // The answer to the same target when the store was the same; null: none is kept.
  std::shared_ptr<const Answer> find(std::string_view target, const StoreVersion& version);

  // `version` was read before the answer was made. Targets that mean something else with time
  // ("the last hour") must not be kept. Large answers are not.
  void keep(std::string_view target, const StoreVersion& version, Answer answer);

  static constexpr std::size_t kMostEntries = 32;
  static constexpr std::size_t kMostBytes = std::size_t{4} * 1024 * 1024;  // of all answers

 private:
  struct Entry {
    std::string target;
    StoreVersion version;
    std::shared_ptr<const Answer> answer;
  };
  void drop(std::list<Entry>::iterator entry);  // requires the lock

  std::mutex mutex_;
  std::array<std::size_t, 2 * kMostEntries> asked_{};  // guarded by mutex_; hashes of targets
  std::size_t next_asked_ = 0;                         // guarded by mutex_; place in asked_
  std::list<Entry> entries_;                           // guarded by mutex_; used last comes first
  std::size_t bytes_ = 0;                              // guarded by mutex_
};

}  // namespace blockwatch
