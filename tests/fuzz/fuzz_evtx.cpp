// Any bytes as a log, read on both paths. The first byte chooses what is made true beforehand, so
// that the fuzzer need not guess signatures and checksums.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "monitor/evtx/log_reader.h"
#include "tests/support/evtx_builder.h"

namespace {

using namespace blockwatch;

class MemorySource final : public evtx::ByteSource {
 public:
  explicit MemorySource(const testing::ByteVector& bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, void* buffer, std::size_t n) const override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t got =
        std::min<std::size_t>(n, bytes_.size() - static_cast<std::size_t>(offset));
    std::memcpy(buffer, bytes_.data() + offset, got);
    return got;
  }

 private:
  const testing::ByteVector& bytes_;
};

void store(testing::ByteVector& bytes, std::size_t at, std::uint64_t value, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// The input as the records of one chunk: `input` stands behind the chunk's header.
testing::ByteVector one_chunk(const std::uint8_t* input, std::size_t size) {
  constexpr std::size_t kFirstRecord = testing::kFileHeaderBytes + 512;
  testing::ByteVector file(testing::kFileHeaderBytes + testing::kChunkBytes);
  size = std::min(size, file.size() - kFirstRecord);
  std::memcpy(&file[0], "ElfFile", 8);
  store(file, 38, 3, 2);
  store(file, 40, testing::kFileHeaderBytes, 2);
  std::memcpy(&file[testing::kFileHeaderBytes], "ElfChnk", 8);
  store(file, testing::kFileHeaderBytes + 0x30, 512 + size, 4);
  std::copy_n(input, size, &file[kFirstRecord]);
  return file;
}

// The input as the content of one record.
testing::ByteVector one_record(const std::uint8_t* input, std::size_t size) {
  size = std::min<std::size_t>(size, 60000);
  testing::ByteVector record(24 + size + 4);
  store(record, 0, 0x2a2a, 4);
  store(record, 4, record.size(), 4);
  store(record, 8, 1, 8);
  store(record, 16, 132000000000000000, 8);
  std::copy_n(input, size, &record[24]);
  store(record, 24 + size, record.size(), 4);
  return one_chunk(record.data(), record.size());
}

std::size_t read(const testing::ByteVector& file, evtx::DecodePath path, FileReport& report) {
  ReadOptions options;
  options.source = "evtx:fuzz";
  options.record = kAllActions;
  options.threads = 1;
  std::size_t touched = 0;
  const auto position = evtx::read_log(
      MemorySource(file), options, path,
      [&touched](EventList&& list) {
        for (const Event& event : list.events) {
          touched += event.host.size() + event.channel.size();
          for (const RawField& field : event.raw) touched += field.name.size() + field.value.size();
        }
        return true;
      },
      report);
  if (position && report.bytes != file.size()) std::abort();
  if (report.wanted > report.records) std::abort();
  return touched;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t form = data[0] % 4;
  ++data;
  --size;
  testing::ByteVector file = form == 0   ? testing::ByteVector(data, data + size)
                             : form == 1 ? one_chunk(data, size)
                                         : one_record(data, size);
  if (form != 3) testing::reseal(file);
  FileReport planned;
  FileReport general;
  read(file, evtx::DecodePath::kPlans, planned);
  read(file, evtx::DecodePath::kGeneral, general);
  if (planned.records != general.records) std::abort();
  return 0;
}
