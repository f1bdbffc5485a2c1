// How fast a log is read: megabytes, records and wanted records a second, beside the bare loop that
// any checked reader has to run (read, CRC32, walk the record headers).
//
//   bench_scan [--short] [--threads N] [--runs N] [MEGABYTES]
//
// Two logs are made in a temporary folder: "mixed", as a busy Security log is (0.3 % wanted), and
// "flood", where nearly every record is wanted. Both are read from the page cache.

#include <libdeflate.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "monitor/evtx/chunk.h"
#include "monitor/evtx/reader.h"
#include "tests/support/evtx_builder_records.h"

namespace {

using namespace blockwatch;
using testing::EvtxBuilder;

struct Log {
  std::string name;
  std::filesystem::path path;
};

// One record of a host with some traffic; `wanted_per_mille` of them are blocks and drops.
testing::RecordSpec next_record(std::mt19937& random, unsigned wanted_per_mille) {
  const auto below = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
  testing::Flow flow;
  flow.process_id = 4ULL * (100 + below(60));
  flow.application = R"(\device\harddiskvolume3\program files\vendor )" +
                     std::to_string(below(60)) + R"(\bin\service.exe)";
  flow.inbound = below(2) == 0;
  const std::string host = "10.0.3.15";
  const std::string other = below(5) == 0 ? "2001:db8::" + std::to_string(below(4000))
                                          : "203.0.113." + std::to_string(1 + below(254));
  flow.source_address = flow.inbound ? other : host;
  flow.source_port = static_cast<std::uint16_t>(49152 + below(16384));
  flow.dest_address = flow.inbound ? host : other;
  flow.dest_port = static_cast<std::uint16_t>(below(3) == 0 ? 443 : 1 + below(1024));
  flow.protocol = below(4) == 0 ? 17 : 6;
  flow.filter_id = 65000 + below(500);
  const unsigned pick = below(1000);
  if (pick >= wanted_per_mille) {
    return pick % 2 == 0 ? testing::logon(2)
                         : testing::process_created(2, R"(C:\Windows\System32\conhost.exe)");
  }
  switch (below(4)) {
    case 0:
      return testing::packet(5152, testing::Windows::k10, flow);
    case 1:
      return testing::packet(5152, testing::Windows::k11, flow);
    case 2:
      return testing::connection(5157, testing::Windows::k11, flow);
    default:
      return testing::connection(5157, testing::Windows::k10, flow);
  }
}

Log make_log(const std::filesystem::path& folder, const std::string& name,
             unsigned wanted_per_mille, std::size_t bytes) {
  constexpr std::size_t kDistinct =
      std::size_t{16} * 1024 * 1024;  // repeated up to the size asked for
  std::mt19937 random(20260101);
  EvtxBuilder builder;
  const std::size_t distinct = std::min(bytes, kDistinct) / testing::kChunkBytes;
  while (builder.chunks() <= distinct) builder.add(next_record(random, wanted_per_mille));
  testing::ByteVector file = builder.bytes();
  file.resize(testing::kFileHeaderBytes + distinct * testing::kChunkBytes);
  Log log{name, folder / (name + ".evtx")};
  std::ofstream out(log.path, std::ios::binary);
  const auto write = [&out](const std::uint8_t* p, std::size_t n) {
    out.write(reinterpret_cast<const char*>(p), static_cast<std::streamsize>(n));
  };
  write(file.data(), testing::kFileHeaderBytes);
  const std::size_t chunks = file.size() - testing::kFileHeaderBytes;
  for (std::size_t done = 0; done < bytes; done += chunks)
    write(file.data() + testing::kFileHeaderBytes, chunks);
  return log;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double cpu_seconds_since(std::clock_t begin) {
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

struct Figures {
  double seconds = 0;
  double cpu_seconds = 0;  // of all threads: what counts on a machine that does other things too
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t wanted = 0;
};

Figures bare_loop(const Log& log) {
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu_begin = std::clock();
  const auto file = evtx::open_file(log.path.string());
  if (!file) std::abort();
  Figures figures;
  std::vector<std::uint8_t> buffer(std::size_t{16} * evtx::kChunkSize);
  std::uint64_t at = testing::kFileHeaderBytes;
  for (;;) {
    const auto got = (*file)->read_at(at, buffer.data(), buffer.size());
    if (!got || *got < evtx::kChunkSize) break;
    for (std::size_t c = 0; c + evtx::kChunkSize <= *got; c += evtx::kChunkSize) {
      const evtx::Bytes chunk(buffer.data() + c, evtx::kChunkSize);
      const evtx::ChunkHeader header = evtx::read_chunk_header(chunk);
      bool walkable = true;
      if (!evtx::check_chunk(chunk, header, walkable).empty()) std::abort();
      evtx::RecordHeader record;
      for (std::uint32_t r = evtx::kChunkHeaderSize;
           header.free_offset - r >= evtx::kMinRecordSize &&
           evtx::read_record_header(chunk, r, header.free_offset, record);
           r += record.size) {
        ++figures.records;
      }
    }
    at += *got;
    figures.bytes += *got;
  }
  figures.seconds = seconds_since(begin);
  figures.cpu_seconds = cpu_seconds_since(cpu_begin);
  return figures;
}

Figures full_read(const Log& log, unsigned threads) {
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu_begin = std::clock();
  const auto file = evtx::open_file(log.path.string());
  if (!file) std::abort();
  ReadOptions options;
  options.source = "evtx:bench";
  options.threads = threads;
  FileReport report;
  std::uint64_t emitted = 0;
  const auto position = evtx::read(
      **file, options,
      [&emitted](EventList&& list) {
        emitted += list.events.size();
        return true;
      },
      report);
  if (!position || emitted != report.wanted || report.damaged != 0) std::abort();
  return {seconds_since(begin), cpu_seconds_since(cpu_begin), report.bytes, report.records,
          report.wanted};
}

template <class Run>
Figures median(unsigned runs, Run run) {
  std::vector<Figures> all;
  for (unsigned i = 0; i < runs; ++i) all.push_back(run());
  std::sort(all.begin(), all.end(),
            [](const Figures& a, const Figures& b) { return a.seconds < b.seconds; });
  return all[all.size() / 2];
}

void print(const Log& log, const char* what, const Figures& f, const Figures& bare) {
  std::printf("%-6s %-10s %8.4f s (cpu %.4f) %7.0f MB/s %6.2f M records/s %6.2f M wanted/s",
              log.name.c_str(), what, f.seconds, f.cpu_seconds,
              static_cast<double>(f.bytes) / 1e6 / f.seconds,
              static_cast<double>(f.records) / 1e6 / f.seconds,
              static_cast<double>(f.wanted) / 1e6 / f.seconds);
  std::printf("  %.2fx the bare loop's time, %.2fx its cpu\n", f.seconds / bare.seconds,
              f.cpu_seconds / bare.cpu_seconds);
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t megabytes = 256;
  unsigned runs = 9;
  unsigned threads = 2;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--short") == 0) {
      megabytes = 16;
      runs = 3;
    } else if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
      threads = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else if (std::strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
      runs = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else {
      megabytes = std::strtoul(argv[i], nullptr, 10);
    }
  }
  if (megabytes == 0 || runs == 0 || threads == 0) {
    std::fprintf(stderr, "usage: bench_scan [--short] [--threads N] [--runs N] [MEGABYTES]\n");
    return 2;
  }
  const auto folder = std::filesystem::temp_directory_path() /
                      ("blockwatch-bench-scan-" + std::to_string(std::random_device{}()));
  std::filesystem::create_directory(folder);
  for (const auto& [name, per_mille] : {std::pair{"mixed", 3U}, std::pair{"flood", 900U}}) {
    const Log log = make_log(folder, name, per_mille, megabytes * 1024 * 1024);
    const Figures bare = median(runs, [&log] { return bare_loop(log); });
    print(log, "bare loop", bare, bare);
    print(log, "1 thread", median(runs, [&log] { return full_read(log, 1); }), bare);
    const std::string many = std::to_string(threads) + " threads";
    print(log, many.c_str(), median(runs, [&] { return full_read(log, threads); }), bare);
  }
  std::filesystem::remove_all(folder);
  return 0;
}
