#include "storage/set_aside.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "storage/event_store.h"
#include "storage/file_path.h"
#include "storage/settings_internal.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

// The database last: where it has its new name, so have the others.
constexpr std::array kSuffixes{"-wal", "-shm", ""};

// "20261121T220954Z"
std::string compact(Timestamp time) {
  std::string text = format_rfc3339(time).substr(0, 19) + 'Z';
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

constexpr std::string_view kBegin = "corrupt-";
constexpr std::size_t kMostDamage = 200;

// The part that tells why, without names of folders and what would end a line.
std::string brief(const std::string& damage) {
  const auto last = damage.rfind(": ");
  std::string text = damage.substr(last == std::string::npos ? 0 : last + 2, kMostDamage);
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

bool is_taken(const std::string& path) {
  return std::ranges::any_of(kSuffixes, [&](const char* suffix) {
    std::error_code error;
    return fs::exists(fs::symlink_status(to_path(path + suffix), error));
  });
}

StoredSettings settings_of(const std::string& path) {
  try {
    SqlConnection connection(path, SqlConnection::Mode::kReadOnly);
    return read_settings(connection);
  } catch (const SQLite::Exception&) {
    return {};
  }
}

}  // namespace

std::string plan_to_set_aside(const std::string& path, const std::string& damage) {
  const std::string before = path + '.';
  const std::string name = std::string(kBegin) + compact(now());
  std::string ending = name;
  for (int n = 2; is_taken(before + ending); ++n) ending = name + '-' + std::to_string(n);
  return ending + ' ' + brief(damage);
}

bool is_plan(std::string_view note) { return note.starts_with(kBegin); }

Result<SetAside> set_aside(const std::string& path, const std::string& plan) {
  const std::size_t space = plan.find(' ');
  SetAside old{.path = path + '.' + plan.substr(0, space), .damage = plan.substr(space + 1)};
  std::error_code error;
  const bool done = fs::exists(to_path(old.path), error);
  for (const char* suffix : kSuffixes) {
    if (done || !fs::exists(to_path(path + suffix), error)) continue;
    fs::rename(to_path(path + suffix), to_path(old.path + suffix), error);
    if (error) {
      return make_error(ErrorCode::kIo,
                        "cannot set the damaged store " + path + " aside: " + error.message());
    }
  }
  // Microseconds since 1970: no store ever took a million events a second.
  old.last_seq = static_cast<std::uint64_t>(std::max<std::int64_t>(now().ticks / 10, 0));
  // There is nothing to ask an empty file, and SQLite would delete its log.
  if (fs::file_size(to_path(old.path), error) == 0) return old;
  if (auto reader = StoreReader::open(old.path)) {
    if (const auto status = (*reader)->status()) {
      old.last_seq = std::max(old.last_seq, status->newest_seq);
      old.rows = status->rows;
      old.oldest_time = status->oldest_time;
    }
  }
  old.settings = settings_of(old.path);
  return old;
}

EventBatch fact_of(const SetAside& old) {
  EventBatch batch;
  batch.facts.push_back(
      {.kind = CoverageKind::kStoreSetAside,
       .start = old.oldest_time.value_or(kMinTimestamp),
       .end = now(),
       .missing_records = old.rows,
       .detail = "the store was damaged and is kept as " + to_utf8(to_path(old.path).filename()) +
                 "; its events are here again as far as their logs still had them (" + old.damage +
                 ')'});
  return batch;
}

}  // namespace blockwatch
