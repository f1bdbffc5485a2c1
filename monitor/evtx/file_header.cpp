#include "monitor/evtx/file_header.h"

#include <libdeflate.h>

#include <cstring>

#include "monitor/evtx/bytes.h"

namespace blockwatch::evtx {

namespace {

constexpr char kFileSignature[8] = {'E', 'l', 'f', 'F', 'i', 'l', 'e', '\0'};
constexpr std::size_t kFieldsEnd = 128;
constexpr std::size_t kChecksummed = 120;
constexpr std::uint32_t kNoFileChecksums = 0x4;

// Offsets of fields.
enum : std::size_t { kMajorVersion = 38, kBlockSize = 40, kFileFlags = 120, kChecksum = 124 };

}  // namespace

Result<FileHeader> parse_file_header(std::span<const std::uint8_t> bytes) {
  if (bytes.empty())
    return make_error(ErrorCode::kInvalidArgument, "an EVTX file expected, found an empty file");
  if (bytes.size() < sizeof kFileSignature ||
      std::memcmp(bytes.data(), kFileSignature, sizeof kFileSignature) != 0)
    return make_error(ErrorCode::kInvalidArgument,
                      "an EVTX file expected, which begins with \"ElfFile\" and a zero byte");
  FileHeader header;
  if (bytes.size() < kFileHeaderBlock) {
    header.damage =
        "file header: 4096 bytes expected, the file ends after " + std::to_string(bytes.size());
    return header;
  }
  const std::uint16_t major = load_u16(bytes.data() + kMajorVersion);
  if (major != 3)
    return make_error(ErrorCode::kUnsupported,
                      "EVTX format version 3 expected, found version " + std::to_string(major));
  const std::uint32_t flags = load_u32(bytes.data() + kFileFlags);
  const bool intact =
      libdeflate_crc32(0, bytes.data(), kChecksummed) == load_u32(bytes.data() + kChecksum);
  if (!intact && (flags & kNoFileChecksums) == 0)
    header.damage = "file header: the checksum does not match its bytes";
  const std::uint16_t block_size = load_u16(bytes.data() + kBlockSize);
  // No writer uses another size; a damaged field must not hide the chunks.
  if (intact && block_size >= kFieldsEnd) header.block_size = block_size;
  return header;
}

}  // namespace blockwatch::evtx
