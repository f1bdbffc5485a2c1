#include "monitor/names/filter_names.h"

#include <cstdio>
#include <limits>

namespace blockwatch {

const winlog::Filter* FilterNames::filter(std::uint64_t id, Clock::time_point now) {
  return find(filters_, id, now, [this](std::uint64_t asked) { return engine_->filter(asked); });
}

std::string_view FilterNames::layer(std::uint64_t id, Clock::time_point now) {
  if (id > std::numeric_limits<std::uint16_t>::max()) return {};
  const std::string* name = find(layers_, id, now, [this](std::uint64_t asked) {
    return engine_->layer(static_cast<std::uint16_t>(asked));
  });
  return name == nullptr ? std::string_view{} : *name;
}

template <class T, class Ask>
const T* FilterNames::find(Cache<T>& cache, std::uint64_t id, Clock::time_point now, Ask ask) {
  const auto kept = cache.find(id);
  if (kept != cache.end() && now < kept->second.until) {
    return kept->second.value ? &*kept->second.value : nullptr;
  }
  if (!is_open(now)) return nullptr;
  auto answer = ask(id);
  const bool missing = !answer && (answer.error() == FilterEngine::kFilterNotFound ||
                                   answer.error() == FilterEngine::kLayerNotFound);
  if (!answer && !missing) {
    fail(answer.error(), now);
    return nullptr;
  }
  error_ = 0;
  if (cache.size() >= kMaxKept) cache.clear();
  Kept<T>& entry = cache[id];
  entry.until = now + (missing ? kMissingFor : kFoundFor);
  entry.value.reset();
  if (answer) entry.value = std::move(*answer);
  return entry.value ? &*entry.value : nullptr;
}

bool FilterNames::is_open(Clock::time_point now) {
  if (open_) return true;
  if (error_ != 0 && now < rest_until_) return false;
  const auto opened = engine_->open();
  open_ = opened.has_value();
  if (!open_) fail(opened.error(), now);
  return open_;
}

void FilterNames::fail(std::uint32_t error, Clock::time_point now) {
  // A session does not outlive the engine's service, which may give ids anew when it starts.
  open_ = false;
  filters_.clear();
  layers_.clear();
  error_ = error;
  rest_until_ = now + kRestAfterError;
}

std::string FilterNames::fault() const {
  if (error_ == 0) return {};
  char code[16];
  std::snprintf(code, sizeof(code), "0x%08x", static_cast<unsigned>(error_));
  return "the filtering engine does not tell the names of filters (Windows error " +
         std::string(code) + ")";
}

}  // namespace blockwatch
