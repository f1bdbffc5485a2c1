// scan_file [--bare] [--threads N] [--json] FILE: what the monitor does with a log up to the store
// - every check, every wanted event in full - as a program of its own, to be timed beside other
// readers. With --bare only what any checked reader has to do: read, CRC32, walk the records.

#include <libdeflate.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "monitor/evtx/reader.h"
#include "tests/bench/measure.h"

namespace blockwatch::bench {
namespace {

constexpr std::size_t kFileHeader = 4096;
constexpr std::size_t kChunk = 65536;
constexpr std::size_t kChunkHeader = 512;
constexpr std::size_t kRecordHeader = 24;
constexpr std::size_t kReadAtOnce = 16 * kChunk;

std::uint32_t u32(const char* p) {
  std::uint32_t value = 0;
  std::memcpy(&value, p, sizeof value);  // EVTX and the machines this runs on: little-endian
  return value;
}

// The records of a sound chunk.
std::uint64_t walk(const char* chunk) {
  const std::uint32_t end = u32(chunk + 48);
  if (end < kChunkHeader || end > kChunk) fail("a chunk's end lies outside");
  std::uint32_t crc = libdeflate_crc32(0, chunk, 120);
  crc = libdeflate_crc32(crc, chunk + 128, kChunkHeader - 128);
  if (crc != u32(chunk + 124)) fail("a chunk's header checksum differs");
  if (libdeflate_crc32(0, chunk + kChunkHeader, end - kChunkHeader) != u32(chunk + 52)) {
    fail("a chunk's checksum differs");
  }
  std::uint64_t records = 0;
  for (std::uint32_t at = kChunkHeader; end - at >= kRecordHeader; ++records) {
    const std::uint32_t size = u32(chunk + at + 4);
    if (u32(chunk + at) != 0x2a2aU || size < kRecordHeader || size > end - at) break;
    at += size;
  }
  return records;
}

FileReport bare(const std::string& path) {
  std::ifstream file;
  file.rdbuf()->pubsetbuf(nullptr, 0);  // straight into our buffer
  file.open(path, std::ios::binary);
  file.seekg(kFileHeader);
  FileReport report;
  std::vector<char> buffer(kReadAtOnce);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto got = static_cast<std::size_t>(file.gcount());
    for (std::size_t at = 0; at + kChunk <= got; at += kChunk) {
      report.records += walk(buffer.data() + at);
      report.bytes += kChunk;
    }
  }
  return report;
}

FileReport full(const std::string& path, unsigned threads) {
  const auto file = evtx::open_file(path);
  if (!file) fail(file.error().message);
  ReadOptions read;
  read.source = "evtx:bench";
  read.threads = threads;
  FileReport report;
  std::uint64_t emitted = 0;
  const auto done = evtx::read(
      **file, read,
      [&emitted](EventList&& list) {
        emitted += list.events.size();
        return true;
      },
      report);
  if (!done) fail(done.error().message);
  if (emitted != report.wanted) fail("not all wanted events were emitted");
  return report;
}

}  // namespace
}  // namespace blockwatch::bench

int main(int argc, char** argv) {
  using namespace blockwatch::bench;
  const Options options = read_options(argc, argv);
  if (options.rest.empty()) fail("scan_file [--bare] [--threads N] [--json] FILE");
  const std::string& path = options.rest.back();
  const auto threads = static_cast<unsigned>(number_option(options, "--threads", 1));
  const auto start = Clock::now();
  const blockwatch::FileReport report =
      options.rest.front() == "--bare" ? bare(path) : full(path, threads);
  Lines(options.json)
      .add("scan", {{"seconds", seconds_since(start)},
                    {"cpu_seconds", cpu_seconds()},
                    {"bytes", static_cast<double>(report.bytes)},
                    {"records", static_cast<double>(report.records)},
                    {"wanted", static_cast<double>(report.wanted)},
                    {"damaged", static_cast<double>(report.damaged)}});
  return 0;
}
