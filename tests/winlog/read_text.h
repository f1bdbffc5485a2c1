#pragma once
// Runs the text readers over a string and keeps what they give.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/winlog/format.h"
#include "monitor/winlog/text_reader.h"

namespace blockwatch::winlog {

struct Reading {
  Result<void> result;
  FileReport report;
  std::vector<EventList> batches;

  std::vector<Event> events() const {
    std::vector<Event> all;
    for (const EventList& batch : batches) {
      all.insert(all.end(), batch.events.begin(), batch.events.end());
    }
    return all;
  }
};

// Delivers the text in pieces of the given sizes, over and over.
inline ReadFn pieces(std::string_view text, std::vector<std::size_t> sizes) {
  return [text, sizes = std::move(sizes), at = std::size_t{0},
          turn = std::size_t{0}](std::span<char> buffer) mutable -> Result<std::size_t> {
    const std::size_t n = std::min({sizes[turn++ % sizes.size()], buffer.size(), text.size() - at});
    std::memcpy(buffer.data(), text.data() + at, n);
    at += n;
    return n;
  };
}

inline ReadOptions all_actions() {
  ReadOptions options;
  options.source = "test:text";
  options.record = kAllActions;
  return options;
}

inline Reading read_as(EventFormat format, std::string_view text,
                       std::vector<std::size_t> sizes = {1 << 20},
                       const ReadOptions& options = all_actions()) {
  Reading reading;
  const EmitFn emit = [&](EventList&& batch) {
    reading.batches.push_back(std::move(batch));
    return true;
  };
  const auto read = format == EventFormat::kXml ? read_rendered_xml : read_json;
  reading.result = read(pieces(text, std::move(sizes)), options, emit, reading.report);
  return reading;
}

inline Reading read_xml(std::string_view text, std::vector<std::size_t> sizes = {1 << 20}) {
  return read_as(EventFormat::kXml, text, std::move(sizes));
}

inline Reading read_json_text(std::string_view text, std::vector<std::size_t> sizes = {1 << 20}) {
  return read_as(EventFormat::kJson, text, std::move(sizes));
}

// The one event of a reading with nothing damaged.
inline Event only_event(const Reading& reading) {
  EXPECT_TRUE(reading.result);
  EXPECT_EQ(reading.report.damaged, 0U)
      << (reading.report.damage.empty() ? "" : reading.report.damage[0].what);
  const auto events = reading.events();
  EXPECT_EQ(events.size(), 1U);
  return events.empty() ? Event{} : events[0];
}

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The folder of real event files; nullopt when this machine has none.
inline std::optional<std::filesystem::path> corpus() {
  const char* folder = std::getenv("BLOCKWATCH_CORPUS");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return folder;
}

inline std::string_view raw_value(const Event& event, std::string_view name) {
  for (const RawField& field : event.raw) {
    if (field.name == name) return field.value;
  }
  return "(absent)";
}

}  // namespace blockwatch::winlog
