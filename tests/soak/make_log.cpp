// make_log FILE LAST: writes an EVTX log of blocked connections with the record ids 1 to LAST.

#include <cstdlib>
#include <fstream>

#include "tests/support/evtx_builder_records.h"

int main(int argc, char** argv) {
  using namespace blockwatch;
  if (argc != 3) return 2;
  const std::uint64_t last = std::strtoull(argv[2], nullptr, 10);
  testing::EvtxBuilder builder;
  testing::RecordSpec record =
      testing::connection(5157, testing::Windows::k10,
                          {.process_id = 1234,
                           .application = R"(\device\harddiskvolume2\tools\curl.exe)",
                           .inbound = false,
                           .source_address = "10.0.0.5",
                           .source_port = 50'000,
                           .dest_address = "192.0.2.7",
                           .dest_port = 443});
  constexpr std::int64_t kBegin = 1'767'323'045 * Timestamp::kTicksPerSecond;
  for (record.record_id = 1; record.record_id <= last; ++record.record_id) {
    record.time.ticks = kBegin + static_cast<std::int64_t>(record.record_id);
    builder.add(record);
  }
  const auto bytes = builder.end_chunk().bytes();
  std::ofstream out(argv[1], std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  return out ? 0 : 1;
}
