#include "server/page_cache.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace blockwatch {
namespace {

// Half of all: one answer never drives out all the others.
constexpr std::size_t kMostAnswerBytes = PageCache::kMostBytes / 2;

}  // namespace

Result<StoreVersion> store_version(StoreReader& reader) {
  const auto tail = reader.tail({{}, 0, 1, false});
  if (!tail) return tl::unexpected(tail.error());
  return StoreVersion{tail->newest_seq, tail->gap_through};
}

bool PageCache::is_asked_again(std::string_view target) {
  const std::size_t hash = std::hash<std::string_view>{}(target);
  const std::lock_guard lock(mutex_);
  if (std::find(asked_.begin(), asked_.end(), hash) != asked_.end()) return true;
  asked_[next_asked_] = hash;
  next_asked_ = (next_asked_ + 1) % asked_.size();
  return false;
}

std::shared_ptr<const PageCache::Answer> PageCache::find(std::string_view target,
                                                         const StoreVersion& version) {
  const std::lock_guard lock(mutex_);
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& e) { return e.target == target; });
  if (entry == entries_.end()) return nullptr;
  if (entry->version != version) {
    drop(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->answer;
}

void PageCache::keep(std::string_view target, const StoreVersion& version, Answer answer) {
  if (answer.body.size() > kMostAnswerBytes) return;
  auto shared = std::make_shared<const Answer>(std::move(answer));
  const std::lock_guard lock(mutex_);
  const auto known = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& e) { return e.target == target; });
  if (known != entries_.end()) drop(known);
  bytes_ += shared->body.size();
  entries_.push_front({std::string(target), version, std::move(shared)});
  while (entries_.size() > kMostEntries || bytes_ > kMostBytes) drop(std::prev(entries_.end()));
}

void PageCache::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->answer->body.size();
  entries_.erase(entry);
}

}  // namespace blockwatch
