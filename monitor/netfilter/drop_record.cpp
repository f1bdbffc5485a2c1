#include "monitor/netfilter/drop_record.h"

#include <algorithm>
#include <cstring>

namespace blockwatch {
namespace {

// Empty when the names do not end as they should.
std::string path_of(std::string_view names) {
  std::string path;
  while (!names.empty()) {
    const std::size_t end = names.find('\0');
    if (end == std::string_view::npos) return {};
    path.insert(0, names.substr(0, end)).insert(0, 1, '/');
    names.remove_prefix(end + 1);
  }
  return path;
}

}  // namespace

std::optional<DroppedPacket> parse_drop_record(std::span<const std::uint8_t> bytes) {
  DropRecord record{};
  if (bytes.size() < sizeof record) return std::nullopt;
  std::memcpy(&record, bytes.data(), sizeof record);
  const auto packet = parse_packet(
      {record.packet, std::min<std::size_t>(record.packet_size, sizeof record.packet)});
  if (!packet || packet->protocol != record.protocol ||
      packet->source_port.value_or(record.port) != record.port) {
    return std::nullopt;
  }
  const std::size_t names = std::min<std::size_t>(record.names_size, sizeof record.names);
  return DroppedPacket{
      .packet = *packet,
      .sender = {.process_id = record.process, .executable = path_of({record.names, names})},
      .time = record.time};
}

}  // namespace blockwatch
