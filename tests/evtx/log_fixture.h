#pragma once
// Reading logs in tests: bytes in memory as a ByteSource, and everything that one reading gives.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "monitor/evtx/log_reader.h"
#include "storage/words.h"
#include "tests/support/evtx_builder_records.h"

namespace blockwatch::evtx {

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(testing::ByteVector bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, void* buffer, std::size_t n) const override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t got =
        std::min<std::size_t>(n, bytes_.size() - static_cast<std::size_t>(offset));
    std::memcpy(buffer, bytes_.data() + offset, got);
    return got;
  }

 private:
  testing::ByteVector bytes_;
};

// An event's content as text, so that a difference can be read in the failure message.
inline std::string describe(const Event& e) {
  std::string out = std::to_string(e.event_id) + " v" + std::to_string(e.event_version) + " at " +
                    std::to_string(e.time.ticks) + " record " +
                    std::to_string(e.record_id.value_or(0)) + " host " + std::string(e.host) +
                    " channel " + std::string(e.channel) + " source " + std::string(e.source);
  for (const RawField& field : e.raw)
    out += "\n  " + std::string(field.name) + " = " + std::string(field.value);
  const auto number = [&out](const char* name, const auto& field) {
    if (field) out += std::string("\n  ") + name + " " + std::to_string(*field);
  };
  number("process", e.process_id);
  number("protocol", e.protocol);
  number("local port", e.local_port);
  number("remote port", e.remote_port);
  number("icmp type", e.icmp_type);
  number("icmp code", e.icmp_code);
  number("filter", e.filter_id);
  number("layer", e.layer_id);
  number("interface", e.interface_index);
  if (e.direction) out += "\n  " + std::string(to_word(*e.direction));
  out += "\n  " + std::string(to_word(e.reason)) + " application " + std::string(e.application) +
         " user " + std::string(e.user) + " layer " + std::string(e.layer) + " filter " +
         std::string(e.filter_name) + " origin " + std::string(e.filter_origin);
  if (e.local_address) out += "\n  local " + format_ip_address(*e.local_address);
  if (e.remote_address) out += "\n  remote " + format_ip_address(*e.remote_address);
  return out;
}

struct Reading {
  Result<LogPosition> position = LogPosition{};
  FileReport report;
  std::vector<EventList> batches;
  std::vector<std::string> events;  // describe() of each

  std::string damage() const {
    std::string out;
    for (const Damage& d : report.damage) out += std::to_string(d.offset) + ": " + d.what + "\n";
    return out;
  }
};

inline Reading read_source(const ByteSource& source, ReadOptions options = {},
                           DecodePath path = DecodePath::kPlans) {
  if (options.source.empty()) options.source = "evtx:test";
  Reading reading;
  reading.position = read_log(
      source, options, path,
      [&reading](EventList&& list) {
        for (const Event& e : list.events) reading.events.push_back(describe(e));
        reading.batches.push_back(std::move(list));
        return true;
      },
      reading.report);
  return reading;
}

inline ReadOptions all_actions() {
  ReadOptions options;
  options.record = kAllActions;
  return options;
}

inline Reading read_bytes(const testing::ByteVector& bytes, ReadOptions options = all_actions(),
                          DecodePath path = DecodePath::kPlans) {
  return read_source(MemorySource(bytes), std::move(options), path);
}

// One record of every kind that the builder knows, in one form.
inline void add_every_kind(testing::EvtxBuilder& builder, testing::RecordForm form) {
  using namespace testing;
  Flow flow;
  const auto add = [&](RecordSpec record) {
    record.form = form;
    builder.add(record);
  };
  add(logon(2));
  add(process_created(2, R"(C:\Windows\System32\cmd.exe)"));
  add(blocked_application(R"(C:\Program Files\Skype\skype.exe)"));
  for (const auto windows : {Windows::k7, Windows::k10, Windows::k11}) {
    for (const std::uint16_t id : {std::uint16_t{5150}, std::uint16_t{5151}})
      add(mac_packet(id, windows, flow));
    for (const std::uint16_t id : {std::uint16_t{5152}, std::uint16_t{5153}})
      add(packet(id, windows, flow));
    for (const std::uint16_t id : {std::uint16_t{5156}, std::uint16_t{5157}})
      add(connection(id, windows, flow));
  }
  for (const std::uint16_t id :
       {std::uint16_t{5154}, std::uint16_t{5155}, std::uint16_t{5158}, std::uint16_t{5159}})
    add(port_event(id, flow));
}
inline constexpr std::size_t kEveryKind = 25;
inline constexpr std::size_t kEveryKindWanted = 23;

}  // namespace blockwatch::evtx
