#pragma once
// IP packets for tests, as bytes.

#include <cstdint>
#include <string>

#include "storage/ip_address.h"

namespace blockwatch {

inline std::string be16_text(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

inline std::string ports_text(unsigned source, unsigned destination) {
  return be16_text(source) + be16_text(destination);
}

inline std::string tcp_header(unsigned source, unsigned destination, unsigned flags) {
  return ports_text(source, destination) + std::string(8, '\1') + '\x50' +
         static_cast<char>(flags) + std::string(6, '\0');
}

inline std::string udp_header(unsigned source, unsigned destination) {
  return ports_text(source, destination) + be16_text(8) + be16_text(0);
}

inline std::string icmp_header(unsigned type, unsigned code) {
  return std::string{static_cast<char>(type), static_cast<char>(code)} + std::string(6, '\0');
}

inline std::string sctp_header(unsigned source, unsigned destination, unsigned chunk) {
  return ports_text(source, destination) + std::string(8, '\0') + static_cast<char>(chunk) +
         std::string(3, '\0');
}

// `fragment` is the field of flags and offset.
inline std::string ipv4_packet(unsigned protocol, const std::string& payload, unsigned fragment = 0,
                               const std::string& options = {}) {
  const auto header = static_cast<unsigned>(20 + options.size());
  return std::string{static_cast<char>(0x40 | header / 4), '\0'} +
         be16_text(header + static_cast<unsigned>(payload.size())) + be16_text(7) +
         be16_text(fragment) + '\x40' + static_cast<char>(protocol) + be16_text(0) +
         std::string("\x0a\x4d\x00\x01\x0a\x4d\x00\x02", 8) + options + payload;
}

inline std::string ipv6_packet(unsigned next, const std::string& payload) {
  std::string address("\xfd\x77", 2);
  address.resize(15, '\0');
  return std::string("\x60\0\0\0", 4) + be16_text(static_cast<unsigned>(payload.size())) +
         static_cast<char>(next) + '\x40' + address + '\1' + address + '\2' + payload;
}

// A header of options (hop-by-hop, routing, destination) of `units` times eight bytes.
inline std::string options_header(unsigned next, unsigned units = 1) {
  return std::string{static_cast<char>(next), static_cast<char>(units - 1)} +
         std::string(std::size_t{units} * 8 - 2, '\0');
}

inline std::string fragment_header(unsigned next, unsigned offset_and_more) {
  return std::string{static_cast<char>(next), '\0'} + be16_text(offset_and_more) +
         std::string(4, '\7');
}

inline std::string authentication_header(unsigned next) {
  return std::string{static_cast<char>(next), '\4'} + std::string(22, '\3');
}

}  // namespace blockwatch
