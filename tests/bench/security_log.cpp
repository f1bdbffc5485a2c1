#include "tests/bench/security_log.h"

#include <algorithm>
#include <fstream>
#include <random>

#include "tests/bench/measure.h"
#include "tests/bench/traffic.h"
#include "tests/support/evtx_builder_records.h"

namespace blockwatch::bench {
namespace {

using testing::ByteVector;
using testing::EvtxBuilder;

constexpr std::uint64_t kPartRecords = std::uint64_t{1} << 32;  // record ids of a part
constexpr std::uint64_t kDayTicks =
    std::uint64_t{24} * 3600 * static_cast<std::uint64_t>(Timestamp::kTicksPerSecond);
constexpr std::uint64_t kRecordBytes = 650;  // about
constexpr std::size_t kChunksAtOnce = 256;   // in memory

testing::RecordSpec wanted_record(const Event& e, bool windows11) {
  testing::Flow flow;
  flow.process_id = *e.process_id;
  flow.application = e.application;
  flow.inbound = e.direction == Direction::kInbound;
  flow.source_address = format_ip_address(flow.inbound ? *e.remote_address : *e.local_address);
  flow.dest_address = format_ip_address(flow.inbound ? *e.local_address : *e.remote_address);
  flow.source_port = flow.inbound ? *e.remote_port : *e.local_port;
  flow.dest_port = flow.inbound ? *e.local_port : *e.remote_port;
  flow.protocol = *e.protocol;
  flow.filter_id = *e.filter_id;
  flow.layer_name = flow.inbound ? "%%14610" : "%%14611";
  flow.layer_id = *e.layer_id;
  const auto windows = windows11 ? testing::Windows::k11 : testing::Windows::k10;
  return e.event_id == 5152 ? testing::packet(5152, windows, flow)
                            : testing::connection(5157, windows, flow);
}

void patch(ByteVector& bytes, std::size_t at, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) {
    bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

// The header as Windows leaves it when it has closed the log.
ByteVector file_header(std::uint64_t chunks, std::uint64_t next_record) {
  ByteVector header = EvtxBuilder().bytes();
  header.resize(testing::kFileHeaderBytes);
  patch(header, 16, chunks - 1, 8);
  patch(header, 24, next_record, 8);
  patch(header, 42, std::min<std::uint64_t>(chunks, 0xffff), 2);
  testing::reseal(header);
  return header;
}

}  // namespace

LogMade write_security_log(const std::string& path, const LogSpec& spec) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  const auto write = [&out](const ByteVector& bytes) {
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  };
  write(ByteVector(testing::kFileHeaderBytes));  // its place, until all is known
  std::mt19937 random(20260101 + static_cast<unsigned>(spec.part));
  const std::uint64_t ticks = spec.days * kDayTicks;
  const std::uint64_t expected = spec.wanted > 0
                                     ? spec.wanted * 1000 / std::max(spec.wanted_per_mille, 1U)
                                     : spec.bytes / kRecordBytes;
  Traffic traffic(Timestamp{17'000'000'000'000'000 + static_cast<std::int64_t>(spec.part * ticks)},
                  ticks / std::max<std::uint64_t>(expected, 1));
  const std::uint64_t first = spec.part * kPartRecords + 1;
  std::uint64_t id = first;
  LogMade made;
  EventList list;
  const auto enough = [&](std::size_t unwritten) {
    return spec.wanted > 0 ? made.wanted >= spec.wanted
                           : made.bytes + unwritten * testing::kChunkBytes > spec.bytes;
  };
  while (!enough(1)) {
    EvtxBuilder builder;
    while (builder.chunks() <= kChunksAtOnce && !enough(builder.chunks())) {
      list = {};
      traffic.add(list);
      const bool wanted = random() % 1000 < spec.wanted_per_mille;
      testing::RecordSpec record =
          wanted              ? wanted_record(list.events[0], random() % 2 == 0)
          : random() % 2 == 0 ? testing::logon(2)
                              : testing::process_created(2, R"(C:\Windows\System32\conhost.exe)");
      record.time = list.events[0].time;
      record.record_id = id++;
      builder.add(record);
      if (wanted) ++made.wanted;
    }
    const ByteVector chunks = builder.chunk_bytes();
    write(chunks);
    made.bytes += chunks.size();
  }
  made.records = id - first;
  out.seekp(0);
  write(file_header(made.bytes / testing::kChunkBytes, id));
  made.bytes += testing::kFileHeaderBytes;
  out.close();
  if (!out) fail("cannot write " + path);
  return made;
}

}  // namespace blockwatch::bench
