#include "storage/set_aside.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "storage/event_store.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

// The log first: should the program be killed in between, the database is found damaged again.
constexpr std::array kSuffixes{"-wal", "-shm", ""};

// "20261121T220954Z"
std::string compact(Timestamp time) {
  std::string text = format_rfc3339(time).substr(0, 19) + 'Z';
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

std::string free_name(const std::string& path) {
  const std::string name = path + ".corrupt-" + compact(now());
  const auto taken = [](const std::string& candidate) {
    return std::ranges::any_of(kSuffixes, [&](const char* suffix) {
      std::error_code error;
      return fs::exists(fs::symlink_status(to_path(candidate + suffix), error));
    });
  };
  std::string candidate = name;
  for (int n = 2; taken(candidate); ++n) candidate = name + '-' + std::to_string(n);
  return candidate;
}

}  // namespace

Result<SetAside> set_aside(const std::string& path) {
  SetAside old{.path = free_name(path)};
  for (const char* suffix : kSuffixes) {
    std::error_code error;
    if (!fs::exists(to_path(path + suffix), error)) continue;
    fs::rename(to_path(path + suffix), to_path(old.path + suffix), error);
    if (error) {
      return make_error(ErrorCode::kIo,
                        "cannot set the damaged store " + path + " aside: " + error.message());
    }
  }
  // Microseconds since 1970: no store ever took a million events a second.
  old.last_seq = static_cast<std::uint64_t>(std::max<std::int64_t>(now().ticks / 10, 0));
  if (auto reader = StoreReader::open(old.path)) {
    if (const auto status = (*reader)->status()) {
      old.last_seq = std::max(old.last_seq, status->newest_seq);
      old.rows = status->rows;
      old.oldest_time = status->oldest_time;
    }
  }
  return old;
}

EventBatch fact_of(const SetAside& old, const std::string& damage) {
  EventBatch batch;
  batch.facts.push_back(
      {.kind = CoverageKind::kStoreSetAside,
       .start = old.oldest_time.value_or(kMinTimestamp),
       .end = now(),
       .missing_records = old.rows,
       .detail =
           "the store was damaged and is kept as " + to_utf8(to_path(old.path).filename()) +
           "; its events are here again as far as their logs still had them (" +
           damage.substr(damage.rfind(": ") == std::string::npos ? 0 : damage.rfind(": ") + 2) +
           ')'});
  return batch;
}

}  // namespace blockwatch
