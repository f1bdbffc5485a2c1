// How fast a log is read: megabytes, records and wanted records a second, beside the bare loop that
// any checked reader has to run (read, CRC32, walk the record headers).
//
//   bench_scan [--short] [--peers] [--threads N] [--runs N] [MEGABYTES]
//
// Two logs are made in a temporary folder: "mixed", as a busy Security log is (0.3 % wanted), and
// "flood", where nearly every record is wanted. Both are read from the page cache, with one thread
// and with N. The readings to be compared take turns, so that what else the machine does meets all
// of them; ratios are medians of the ratios of neighbours. With --peers, evtxexport and evtx_dump
// read smaller logs of the same make, if they are installed.

#include <libdeflate.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

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

// The chunks from `begin` to `end` of the file: how many records, and how many bytes.
void bare_part(const evtx::ByteSource& file, std::uint64_t begin, std::uint64_t end,
               Figures& figures) {
  std::vector<std::uint8_t> buffer(std::size_t{16} * evtx::kChunkSize);
  for (std::uint64_t at = begin; at < end;) {
    const std::size_t part =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - at));
    const auto got = file.read_at(at, buffer.data(), part);
    if (!got || *got < evtx::kChunkSize) std::abort();
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
}

Figures bare_loop(const Log& log, unsigned threads) {
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu_begin = std::clock();
  const auto file = evtx::open_file(log.path.string());
  if (!file) std::abort();
  const std::uint64_t chunks = ((*file)->size() - testing::kFileHeaderBytes) / evtx::kChunkSize;
  std::vector<Figures> parts(threads);
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) {
      const auto place = [&](std::uint64_t n) {
        return testing::kFileHeaderBytes + chunks * n / threads * evtx::kChunkSize;
      };
      const auto work = [&file = **file, from = place(i), to = place(i + 1), &out = parts[i]] {
        bare_part(file, from, to, out);
      };
      if (threads == 1) {
        work();
      } else {
        workers.emplace_back(work);
      }
    }
  }
  Figures figures;
  for (const Figures& part : parts) {
    figures.records += part.records;
    figures.bytes += part.bytes;
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

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double megabytes_a_second(const Figures& f) {
  return static_cast<double>(f.bytes) / 1e6 / f.seconds;
}

// The median of the runs, and the spread of their times.
void print(const Log& log, const char* what, unsigned threads, std::vector<Figures> runs) {
  std::sort(runs.begin(), runs.end(),
            [](const Figures& a, const Figures& b) { return a.seconds < b.seconds; });
  const Figures& f = runs[runs.size() / 2];
  std::printf("%-6s %u thread%s %-9s %8.4f s (%.4f to %.4f, cpu %.4f) %6.0f MB/s", log.name.c_str(),
              threads, threads == 1 ? " " : "s", what, f.seconds, runs.front().seconds,
              runs.back().seconds, f.cpu_seconds, megabytes_a_second(f));
  std::printf(" %6.2f M records/s %6.2f M wanted/s\n",
              static_cast<double>(f.records) / 1e6 / f.seconds,
              static_cast<double>(f.wanted) / 1e6 / f.seconds);
}

void compare_with_bare_loop(const Log& log, unsigned threads, unsigned runs) {
  std::vector<Figures> bare;
  std::vector<Figures> full;
  std::vector<double> ratios;
  std::vector<double> cpu_ratios;
  for (unsigned i = 0; i < runs; ++i) {
    bare.push_back(bare_loop(log, threads));
    full.push_back(full_read(log, threads));
    ratios.push_back(full.back().seconds / bare.back().seconds);
    cpu_ratios.push_back(full.back().cpu_seconds / bare.back().cpu_seconds);
  }
  print(log, "bare loop", threads, bare);
  print(log, "all", threads, full);
  std::printf("%-6s %u thread%s %.2fx the bare loop's time, %.2fx its cpu (medians)\n",
              log.name.c_str(), threads, threads == 1 ? " " : "s", median(ratios),
              median(cpu_ratios));
}

// One of them is in the way of the other's times, so each peer has our reader for a neighbour.
void compare_with_peer(const Log& log, const std::string& program, const std::string& arguments,
                       unsigned threads, unsigned runs) {
#ifdef _WIN32
  const std::string nowhere = " >NUL 2>&1";
  const std::string finds = "where " + program + nowhere;
#else
  const std::string nowhere = " >/dev/null 2>&1";
  const std::string finds = "command -v " + program + nowhere;
#endif
  if (std::system(finds.c_str()) != 0) {
    std::printf("%-6s %s is not installed\n", log.name.c_str(), program.c_str());
    return;
  }
  const std::string command = program + arguments + " \"" + log.path.string() + "\"" + nowhere;
  std::vector<Figures> theirs;
  std::vector<double> ratios;
  for (unsigned i = 0; i < runs; ++i) {
    const Figures ours = full_read(log, threads);
    const auto begin = std::chrono::steady_clock::now();
    if (std::system(command.c_str()) != 0)
      std::printf("%-6s %s failed: its time is not that of the whole log\n", log.name.c_str(),
                  program.c_str());
    theirs.push_back({seconds_since(begin), 0, ours.bytes, ours.records, 0});
    ratios.push_back(theirs.back().seconds / ours.seconds);
  }
  print(log, program.c_str(), threads, theirs);
  std::printf("%-6s %u thread%s %s%s takes %.1fx our time\n", log.name.c_str(), threads,
              threads == 1 ? " " : "s", program.c_str(), arguments.c_str(), median(ratios));
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t megabytes = 256;
  unsigned runs = 9;
  unsigned threads = 2;
  bool peers = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--short") == 0) {
      megabytes = 16;
      runs = 3;
    } else if (std::strcmp(argv[i], "--peers") == 0) {
      peers = true;
    } else if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
      threads = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else if (std::strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
      runs = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else {
      megabytes = std::strtoul(argv[i], nullptr, 10);
    }
  }
  if (megabytes == 0 || runs == 0 || threads == 0) {
    std::fprintf(stderr,
                 "usage: bench_scan [--short] [--peers] [--threads N] [--runs N] [MEGABYTES]\n");
    return 2;
  }
  const auto folder = std::filesystem::temp_directory_path() /
                      ("blockwatch-bench-scan-" + std::to_string(std::random_device{}()));
  std::filesystem::create_directory(folder);
  constexpr std::size_t kMegabyte = std::size_t{1024} * 1024;
  for (const auto& [name, per_mille] : {std::pair{"mixed", 3U}, std::pair{"flood", 900U}}) {
    const Log log = make_log(folder, name, per_mille, megabytes * kMegabyte);
    compare_with_bare_loop(log, 1, runs);
    if (threads > 1) compare_with_bare_loop(log, threads, runs);
    if (!peers) continue;
    for (unsigned n : {1U, threads}) {
      compare_with_peer(log, "evtx_dump", " -t " + std::to_string(n) + " -o jsonl", n, runs);
      if (threads == 1) break;
    }
    // The slow one gets what it reads in a few seconds.
    constexpr std::size_t kSlowMegabytes = 16;
    constexpr unsigned kSlowRuns = 3;
    const Log small =
        make_log(folder, name + std::string("-small"), per_mille, kSlowMegabytes * kMegabyte);
    compare_with_peer(small, "evtxexport", "", 1, std::min(runs, kSlowRuns));
  }
  std::filesystem::remove_all(folder);
  return 0;
}
