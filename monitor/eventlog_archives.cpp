#include "monitor/eventlog_archives.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "monitor/evtx/chunk.h"
#include "monitor/evtx/file_header.h"
#include "monitor/evtx/reader.h"
#include "monitor/whole_file.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> list(const std::string& folder) {
  constexpr std::string_view kBegin = "archive-security-";
  constexpr std::string_view kEnd = ".evtx";
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator it(to_path(folder), error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    std::string name = to_utf8(it->path().filename());
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), ascii_lower);
    if (lower.starts_with(kBegin) && lower.ends_with(kEnd)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// An archive was never overwritten: its first chunk holds its oldest records.
std::optional<std::uint64_t> first_record_of(const std::string& path) {
  const auto file = evtx::open_file(path);
  if (!file) return std::nullopt;
  std::array<std::uint8_t, evtx::kChunkHeaderSize> bytes{};
  const auto n = (*file)->read_at(evtx::kFileHeaderBlock, bytes.data(), bytes.size());
  if (!n || *n != bytes.size()) return std::nullopt;
  const evtx::Bytes chunk(bytes.data(), evtx::kChunkHeaderSize);
  if (!evtx::is_intact_chunk_header(chunk)) return std::nullopt;
  return evtx::read_chunk_header(chunk).first_record_id;
}

}  // namespace

std::vector<RecordRange> read_archives(const std::string& folder, ActionSet record,
                                       const PositionFn& position_of, const BatchFn& emit,
                                       SourceReport& report, std::stop_token stop) {
  std::vector<RecordRange> ranges;
  if (folder.empty()) return ranges;
  const std::string base = folder + '/';
  for (const std::string& name : list(folder)) {
    const std::string path = absolute_path(base + name);
    const auto state = file_state(path);
    if (!state) continue;
    const auto read = read_whole_file(path, *state, record, position_of, emit, stop);
    if (stop.stop_requested()) return {};
    if (!read) {
      report.set_error(name + ": " + read.error().message);
      continue;
    }
    const auto first = first_record_of(path);
    if (first && *first <= read->record_id) ranges.push_back({*first, read->record_id});
  }
  return ranges;
}

}  // namespace blockwatch
