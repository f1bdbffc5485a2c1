#pragma once
// One event record as the text formats give it, and the sink that makes batches of events of it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/event_reader.h"
#include "monitor/winlog/event_fields.h"
#include "monitor/winlog/host_knowledge.h"
#include "monitor/winlog/text_reader.h"

namespace blockwatch::winlog {

// All text belongs to the parser that filled it and lives until its next record.
struct TextRecord {
  std::string_view provider;
  std::uint32_t event_id = 0;
  std::optional<std::uint8_t> version;  // absent in formats that leave it out (also when it is 0)
  std::string_view time;                // as RFC 3339; without a zone it is UTC
  std::optional<std::uint64_t> record_id;
  std::string_view host;
  std::string_view channel;
  std::vector<RawField> data;
  std::vector<FieldRole> roles;             // of each field in `data`
  std::optional<std::uint64_t> process_id;  // found elsewhere than in `data`

  void clear() {
    auto kept_data = std::move(data);
    auto kept_roles = std::move(roles);
    kept_data.clear();
    kept_roles.clear();
    *this = TextRecord{};
    data = std::move(kept_data);
    roles = std::move(kept_roles);
  }
  void add(std::string_view name, std::string_view value) { add(name, value, role_of(name)); }
  void add(std::string_view name, std::string_view value, FieldRole role) {
    data.push_back({name, value});
    roles.push_back(role);
  }
};

// Collects events into batches of at most kMaxBatchEvents or kMaxBatchText and emits them.
class RecordSink {
 public:
  static constexpr std::size_t kMaxBatchText = std::size_t{4} * 1024 * 1024;

  // All must outlive the sink.
  RecordSink(const ReadOptions& options, const EmitFn& emit, FileReport& report);

  // Is it an event of ours that the options ask for? Otherwise its data need not be read.
  bool wants(const TextRecord& record) const;

  // Counts the record (of any kind) and takes it when it is wanted; what makes an event of ours
  // unreadable is noted as damage at `offset`. False: stop reading.
  bool take(const TextRecord& record, std::uint64_t offset);

  // Emits what is left. False: the receiver wants no more.
  bool flush();

  std::uint64_t taken() const { return taken_; }

  // `input` as the options want it read: with `live`, what was taken is emitted before more is
  // asked for. Both must outlive what is returned.
  ReadFn reading(const ReadFn& input);

 private:
  void observe(const TextRecord& record);
  void add_event(const TextRecord& record, std::uint64_t offset);
  std::string_view keep(std::string_view text, std::string_view& last);

  const ReadOptions& options_;
  const EmitFn& emit_;
  FileReport& report_;
  HostKnowledge hosts_;
  EventList list_;
  std::string_view source_;  // in list_.text; so are the other two
  std::string_view last_host_;
  std::string_view last_channel_;
  std::uint64_t taken_ = 0;
};

// Well-formed UTF-8 without surrogates and overlong forms (RFC 3629).
bool is_utf8(std::string_view text) noexcept;

}  // namespace blockwatch::winlog
