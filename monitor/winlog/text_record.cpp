#include "monitor/winlog/text_record.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "monitor/name_resolver.h"
#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

constexpr std::uint64_t kRecordsPerProgress = 1024;

bool all_utf8(const TextRecord& record) {
  return is_utf8(record.host) && is_utf8(record.channel) &&
         std::all_of(record.data.begin(), record.data.end(),
                     [](const RawField& f) { return is_utf8(f.name) && is_utf8(f.value); });
}

// What is too long about the record; null when nothing is. A provider that is wanted has one
// length.
const char* too_long(const TextRecord& record) {
  static_assert(HostKnowledge::kMaxNameBytes == 1024);
  if (record.host.size() > HostKnowledge::kMaxNameBytes) {
    return "a computer name longer than 1024 bytes";
  }
  if (record.channel.size() > HostKnowledge::kMaxNameBytes) {
    return "a channel name longer than 1024 bytes";
  }
  return nullptr;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  std::size_t i = 0;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  while (i < text.size()) {
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || i + size > text.size()) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if ((byte(i + k) & 0xC0U) != 0x80U) return false;
    }
    const unsigned second = byte(i + 1);
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool surrogate = lead == 0xED && second >= 0xA0;
    const bool too_large = lead == 0xF4 && second >= 0x90;
    if (overlong || surrogate || too_large) return false;
    i += size;
  }
  return true;
}

RecordSink::RecordSink(const ReadOptions& options, const EmitFn& emit, FileReport& report)
    : options_(options), emit_(emit), report_(report) {}

bool RecordSink::wants(const TextRecord& record) const {
  return is_event_id(record.event_id) && options_.record.has_event_id(record.event_id) &&
         is_wanted_provider(record.provider);
}

bool RecordSink::take(const TextRecord& record, std::uint64_t offset) {
  if (wants(record)) {
    add_event(record, offset);
  } else {
    ++report_.records;
    if (is_wanted_provider(record.provider)) observe(record);
  }
  if (options_.progress && report_.records % kRecordsPerProgress == 0) options_.progress(report_);
  if (options_.stop.stop_requested()) return false;
  const bool full = list_.events.size() >= kMaxBatchEvents || list_.text.size() >= kMaxBatchText;
  return !full || flush();
}

ReadFn RecordSink::reading(const ReadFn& input) {
  if (!options_.live) return input;
  return [this, &input](std::span<char> buffer) -> Result<std::size_t> {
    if (!flush()) return std::size_t{0};
    return input(buffer);
  };
}

void RecordSink::observe(const TextRecord& record) {
  if (record.version && HostKnowledge::is_evidence(record.event_id)) {
    hosts_.observe(record.host, record.event_id, *record.version);
  }
  if (!tells_of_filters(record.event_id) || !all_utf8(record)) return;
  const auto time = parse_rfc3339(record.time, /*zone_optional=*/true);
  if (!time) return;
  const auto change = filter_change(record.event_id, *time, record.data);
  if (!change) return;
  hosts_.observe(record.host, *change);
  if (options_.names != nullptr && change->kind != FilterChange::Kind::kStart) {
    options_.names->filter_changed(change->filter_id);
  }
}

void RecordSink::add_event(const TextRecord& record, std::uint64_t offset) {
  const auto time = parse_rfc3339(record.time, /*zone_optional=*/true);
  if (!time) {
    report_.note(offset, "event " + std::to_string(record.event_id) +
                             " without a readable time: " + time.error().message);
    return;
  }
  if (const char* wrong = too_long(record)) {
    report_.note(offset, "event " + std::to_string(record.event_id) + " with " + wrong);
    return;
  }
  if (!all_utf8(record)) {
    report_.note(offset, "event " + std::to_string(record.event_id) + " is not valid UTF-8");
    return;
  }
  if (source_.empty()) source_ = list_.text.copy(options_.source);
  SystemFields system;
  system.provider = record.provider;
  system.event_id = static_cast<std::uint16_t>(record.event_id);
  system.version = record.version.value_or(0);
  system.time = *time;
  system.record_id = record.record_id;
  system.host = keep(record.host, last_host_);
  system.channel = keep(record.channel, last_channel_);
  const auto raw = list_.text.array<RawField>(record.data.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    raw[i] = {list_.text.copy(record.data[i].name), list_.text.copy(record.data[i].value)};
  }
  auto event = to_event(system, raw, record.roles);
  if (!event) {
    report_.note(offset, event.error().message);
    return;
  }
  if (record.process_id) event->process_id = record.process_id;
  event->source = source_;
  hosts_.settle(*event, list_.text);
  if (options_.names != nullptr) options_.names->resolve(*event, list_.text);
  list_.events.push_back(*event);
  ++report_.records;
  ++report_.wanted;
  ++taken_;
}

std::string_view RecordSink::keep(std::string_view text, std::string_view& last) {
  if (text != last) last = list_.text.copy(text);
  return last;
}

bool RecordSink::flush() {
  if (list_.events.empty()) return true;
  EventList full = std::exchange(list_, EventList{});
  source_ = last_host_ = last_channel_ = {};
  return emit_(std::move(full));
}

}  // namespace blockwatch::winlog
