#include "server/health_board.h"

#include <algorithm>
#include <utility>

#include "server/store_words.h"

namespace blockwatch {
namespace {

// A commit that has been failing for longer turns the readiness red.
constexpr std::int64_t kStalledMs = 5'000;

}  // namespace

HealthCheck HealthBoard::check(std::string name, bool ok, std::string detail) {
  const std::lock_guard lock(mutex_);
  auto [it, first] = last_.try_emplace(name, State{ok, now()});
  if (it->second.ok != ok) it->second = State{ok, now()};
  return {std::move(name), ok, std::move(detail), it->second.since};
}

std::vector<HealthCheck> HealthBoard::look(ReaderPool& readers, const WriterCounters& writer,
                                           bool trail_fails,
                                           const std::vector<SourceStatus>& sources) {
  std::vector<HealthCheck> checks;
  {
    auto reader = readers.borrow();
    const auto store = reader ? (*reader)->status() : tl::unexpected(reader.error());
    std::string told = store ? "" : "the store cannot be read";
    if (store && store->set_aside) {
      told = "a damaged store was set aside; GET /api/v1/status tells more";
    }
    checks.push_back(check("store", store.has_value(), std::move(told)));
  }
  const bool writes = writer.stalled_ms < kStalledMs;
  checks.push_back(check("writer", writes,
                         writes
                             ? ""
                             : "nothing could be stored for " + std::to_string(writer.stalled_ms) +
                                   " ms: " + words_for(writer)));
  checks.push_back(check("audit-trail", !trail_fails,
                         trail_fails ? "it cannot be read or written: no change is made" : ""));

  const auto failed = std::ranges::count(sources, "failed", &SourceStatus::state);
  checks.push_back(check("sources", failed == 0,
                         failed == 0
                             ? ""
                             : std::to_string(failed) + " of " + std::to_string(sources.size()) +
                                   " failed; GET /api/v1/sources tells which"));
  return checks;
}

}  // namespace blockwatch
