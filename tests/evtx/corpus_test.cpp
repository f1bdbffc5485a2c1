// Real logs, against what independent readers found in them. The files are not part of the project:
// the environment variable BLOCKWATCH_CORPUS names their folder.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "monitor/evtx/chunk.h"
#include "monitor/evtx/file_header.h"
#include "monitor/evtx/record_reader.h"
#include "tests/evtx/log_fixture.h"

namespace blockwatch::evtx {
namespace {

using Json = nlohmann::json;

class EvtxCorpus : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("BLOCKWATCH_CORPUS");
    if (folder == nullptr) GTEST_SKIP() << "BLOCKWATCH_CORPUS is not set";
    folder_ = folder;
  }

  std::vector<Json> lines(const std::string& name) const {
    std::ifstream in(folder_ + "/" + name);
    EXPECT_TRUE(in) << name;
    std::vector<Json> out;
    for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
    return out;
  }

  std::unique_ptr<ByteSource> open(const std::string& file) const {
    auto source = open_file(folder_ + "/evtx/" + file);
    EXPECT_TRUE(source) << source.error().message;
    return source ? std::move(*source) : nullptr;
  }

  std::string folder_;
};

// Damage is what a check of the file contradicts. Records in slack, stale counts in headers and
// leftover flags are normal in logs that were in use.
bool names_damage(const Json& counts) {
  const Json& oddities = counts["oddities"];
  const bool no_checksums = oddities.contains("chunk_flags_5");
  for (const auto& [name, count] : oddities.items()) {
    if (name == "recsize_bad" || name == "sizecopy" || name == "nomagic_before_free") return true;
    if ((name == "chunk_hcrc" || name == "chunk_dcrc") && !no_checksums) return true;
  }
  const auto size = counts["size"].get<std::uint64_t>();
  return (size - kFileHeaderBlock) % kChunkSize != 0;
}

std::string id_of(const Event& event) {
  return std::to_string(event.record_id.value_or(0)) + " " + std::to_string(event.event_id);
}

TEST_F(EvtxCorpus, EveryRecordOfTheTruthIsFoundWithItsFields) {
  std::map<std::string, Reading> readings;
  std::size_t compared = 0;
  for (const Json& truth : lines("truth-dev.jsonl")) {
    const auto file = truth["file"].get<std::string>();
    if (!readings.contains(file)) readings[file] = read_source(*open(file), all_actions());
    const std::string id = std::to_string(truth["record_id"].get<std::uint64_t>()) + " " +
                           std::to_string(truth["event_id"].get<unsigned>());
    const Event* found = nullptr;
    for (const EventList& batch : readings[file].batches) {
      for (const Event& event : batch.events) {
        if (id_of(event) == id) found = &event;
      }
    }
    ASSERT_NE(found, nullptr) << file << " record " << id;
    EXPECT_EQ(found->event_version, truth["version"].get<unsigned>());
    EXPECT_EQ(format_rfc3339(found->time), truth["time_created"].get<std::string>());
    EXPECT_EQ(found->host, truth["computer"].get<std::string>());
    EXPECT_EQ(found->channel, truth["channel"].get<std::string>());
    Json data = Json::object();
    for (const RawField& field : found->raw) data[std::string(field.name)] = field.value;
    EXPECT_EQ(data, truth["data"]) << file << " record " << id;
    ++compared;
  }
  EXPECT_GT(compared, 0U);
}

TEST_F(EvtxCorpus, NothingIsReportedFromSlack) {
  for (const Json& slack : lines("slack-dev.jsonl")) {
    const Reading reading = read_source(*open(slack["file"]), all_actions());
    const std::string id = std::to_string(slack["record_id"].get<std::uint64_t>()) + " " +
                           std::to_string(slack["event_id"].get<unsigned>());
    for (const EventList& batch : reading.batches) {
      for (const Event& event : batch.events) EXPECT_NE(id_of(event), id) << slack["file"];
    }
  }
}

TEST_F(EvtxCorpus, TotalsAreThoseOfAStrictReader) {
  for (const Json& counts : lines("counts-dev.jsonl")) {
    const auto file = counts["file"].get<std::string>();
    SCOPED_TRACE(file);
    const Reading reading = read_source(*open(file), all_actions());
    if (!counts["valid_evtx"].get<bool>()) {
      ASSERT_FALSE(reading.position);
      EXPECT_EQ(reading.position.error().code, ErrorCode::kInvalidArgument);
      continue;
    }
    ASSERT_TRUE(reading.position) << reading.position.error().message;
    // That reader leaves a chunk that is cut alone.
    const auto strict = counts["records"]["own_strict"].get<std::uint64_t>();
    if (file.starts_with("truncated-")) {
      EXPECT_GT(reading.report.records, strict);
    } else {
      EXPECT_EQ(reading.report.records, strict);
    }
    EXPECT_EQ(reading.report.damaged > 0, names_damage(counts)) << reading.damage();
    EXPECT_EQ(reading.report.bytes, counts["size"].get<std::uint64_t>());
    std::map<std::string, unsigned> relevant;
    for (const EventList& batch : reading.batches) {
      for (const Event& event : batch.events) ++relevant[std::to_string(event.event_id)];
    }
    using Counts = std::map<std::string, unsigned>;
    EXPECT_EQ(relevant, counts["relevant"].get<Counts>());
  }
}

TEST_F(EvtxCorpus, BothPathsGiveTheSame) {
  for (const Json& counts : lines("counts-dev.jsonl")) {
    if (!counts["valid_evtx"].get<bool>()) continue;
    SCOPED_TRACE(counts["file"].get<std::string>());
    const auto source = open(counts["file"]);
    const Reading planned = read_source(*source, all_actions(), DecodePath::kPlans);
    const Reading general = read_source(*source, all_actions(), DecodePath::kGeneral);
    EXPECT_EQ(planned.events, general.events);
    EXPECT_EQ(planned.damage(), general.damage());
    EXPECT_EQ(planned.report.records, general.report.records);
  }
}

// The general reader takes every undamaged record of every provider, whatever its shape.
TEST_F(EvtxCorpus, TheGeneralReaderTakesEveryRecord) {
  for (const Json& counts : lines("counts-dev.jsonl")) {
    if (!counts["valid_evtx"].get<bool>() || names_damage(counts)) continue;
    SCOPED_TRACE(counts["file"].get<std::string>());
    const auto source = open(counts["file"]);
    std::map<std::string, unsigned> ids;
    RecordReader reader([](const void*, std::uint32_t) { return true; }, nullptr);
    std::vector<std::uint8_t> buffer(kChunkSize);
    for (std::uint64_t at = kFileHeaderBlock; at + kChunkSize <= source->size(); at += kChunkSize) {
      ASSERT_EQ(source->read_at(at, buffer.data(), kChunkSize).value_or(0), kChunkSize);
      ChunkContext chunk{Bytes(buffer.data(), kChunkSize)};
      if (kind_of_chunk(chunk.bytes) != ChunkKind::kUsed) continue;
      const std::uint32_t end = read_chunk_header(chunk.bytes).free_offset;
      RecordHeader record;
      for (std::uint32_t r = kChunkHeaderSize;
           end - r >= kMinRecordSize && read_record_header(chunk.bytes, r, end, record);
           r += record.size) {
        const auto outcome = reader.read(chunk, r + kRecordHeaderSize, r + record.size - 4);
        EXPECT_NE(outcome, RecordReader::Outcome::kBroken)
            << "record at " << at + r << ": " << reader.fault_text();
        ++ids[std::to_string(reader.event_id())];
        if (outcome == RecordReader::Outcome::kRead) {
          EXPECT_TRUE(reader.filetime(Slot::kTime)) << at + r;
        }
      }
    }
    for (const auto& [id, count] : counts["event_id_counts"].items())
      EXPECT_EQ(ids[id], count.get<unsigned>()) << "event id " << id;
  }
}

}  // namespace
}  // namespace blockwatch::evtx
