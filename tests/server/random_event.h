#pragma once
// Events with random but possible values in every field, also absent ones.

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "storage/event.h"
#include "storage/words.h"

namespace blockwatch {

class RandomEvents {
 public:
  explicit RandomEvents(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
  }

  // Its text lives until the next call.
  Event next() {
    text_.clear();
    text_.reserve(64);
    raw_.clear();
    Event e;
    e.seq = below(std::uint64_t{1} << 53U);
    e.time = any_time();
    e.received_time = any_time();
    e.source = any_text(false);
    e.host = any_text(false);
    if (coin()) e.record_id = below(std::uint64_t{1} << 62U);
    e.event_id = kEventIds[below(kEventIds.size())];
    e.event_version = static_cast<std::uint8_t>(below(4));
    if (coin()) e.direction = Direction(below(3));
    if (coin()) e.protocol = static_cast<std::uint8_t>(below(256));
    e.local_address = any_address();
    e.remote_address = any_address();
    if (coin()) e.local_port = static_cast<std::uint16_t>(below(65536));
    if (coin()) e.remote_port = static_cast<std::uint16_t>(below(65536));
    if (coin()) e.icmp_type = static_cast<std::uint8_t>(below(256));
    if (coin()) e.icmp_code = static_cast<std::uint8_t>(below(256));
    if (coin()) e.process_id = below(std::uint64_t{1} << 40U);
    e.application = any_text(true);
    e.user = any_text(true);
    if (coin()) e.filter_id = below(std::uint64_t{1} << 62U);
    e.filter_name = any_text(true);
    e.filter_origin = any_text(true);
    if (coin()) e.layer_id = below(100);
    e.layer = any_text(true);
    if (coin()) e.interface_index = static_cast<std::uint32_t>(below(1000));
    e.reason = Reason(below(11));
    for (std::uint64_t n = below(5); n > 0; --n) {
      raw_.push_back({any_text(false), any_text(true)});
      for (std::size_t i = 0; i + 1 < raw_.size(); ++i) {
        if (raw_[i].name != raw_.back().name) continue;
        raw_.pop_back();
        break;
      }
    }
    e.raw = raw_;
    return e;
  }

 private:
  bool coin() { return below(3) != 0; }
  Timestamp any_time() {
    return Timestamp{
        static_cast<std::int64_t>(below(static_cast<std::uint64_t>(kMaxTimestamp.ticks)))};
  }
  std::optional<IpAddress> any_address() {
    if (!coin()) return std::nullopt;
    if (coin()) return IpAddress::v4(static_cast<std::uint32_t>(below(std::uint64_t{1} << 32U)));
    IpAddress address;
    for (auto& byte : address.bytes) byte = static_cast<std::uint8_t>(below(256));
    return address;
  }
  std::string_view any_text(bool may_be_empty) {
    static constexpr std::array<std::string_view, 16> kPieces{"a",
                                                              "Windows",
                                                              "\\",
                                                              "/",
                                                              "\"",
                                                              ",",
                                                              " ",
                                                              "\xC3\xA4",
                                                              "\n",
                                                              "\t",
                                                              "=",
                                                              "\xE2\x82\xAC",
                                                              "\xF0\x9F\x92\xA9",
                                                              "chrome.exe",
                                                              "C:",
                                                              "\x01"};
    if (may_be_empty && !coin()) return {};
    std::string text;
    for (std::uint64_t n = 1 + below(8); n > 0; --n) text += kPieces[below(kPieces.size())];
    text_.push_back(std::move(text));
    return text_.back();
  }

  std::mt19937_64 random_;
  std::vector<std::string> text_;  // reserved: views into it stay valid
  std::vector<RawField> raw_;
};

}  // namespace blockwatch
