#include "monitor/evtx/decoder.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "monitor/winlog/host_knowledge.h"

namespace blockwatch::evtx {

namespace {

constexpr std::uint32_t kFragmentHeader = 0x0001010f;  // token, version 1.1, no flags
constexpr std::uint8_t kTemplateToken = 0x0c;
constexpr std::uint32_t kFragmentHeaderSize = 4;
constexpr std::uint32_t kMinRepeatedText = 32;  // bytes; shorter strings are not looked for again
constexpr std::uint32_t kTrailerSize = 4;       // the copy of the record's size

char* put_number(std::uint64_t n, bool hexadecimal, char* out) {
  constexpr int kMaxDigits = 20;
  if (!hexadecimal) return std::to_chars(out, out + kMaxDigits, n).ptr;
  *out++ = '0';
  *out++ = 'x';
  return std::to_chars(out, out + kMaxDigits, n, 16).ptr;
}

template <class Int>
Int fitting(std::optional<std::uint64_t> n) {
  return n && *n <= std::numeric_limits<Int>::max() ? static_cast<Int>(*n) : Int{0};
}

// Finds a template instance where one of our fragments begins; false: it is something else.
bool find_instance(Bytes chunk, std::uint32_t at, std::uint32_t end, TemplateInstance& out) {
  return end - at > kFragmentHeaderSize && chunk.u32(at) == kFragmentHeader &&
         chunk.u8(at + kFragmentHeaderSize) == kTemplateToken &&
         read_instance(chunk, at + kFragmentHeaderSize, end, out);
}

// One value of an instance, without the check of the whole table; false: there is none.
bool find_value(Bytes chunk, std::uint32_t table, std::uint32_t end, std::uint32_t index,
                Value& out) {
  if (end - table < 4) return false;
  const std::uint32_t count = chunk.u32(table);
  const std::uint32_t descriptors = table + 4;
  if (index >= count || (end - descriptors) / 4 < count) return false;
  std::uint32_t at = descriptors + 4 * count;
  for (std::uint32_t i = 0; i < index; ++i) at += chunk.u16(descriptors + 4 * i);
  const std::uint32_t descriptor = descriptors + 4 * index;
  const std::uint32_t size = chunk.u16(descriptor);
  if (at > end || size > end - at) return false;
  out = {chunk.u8(descriptor + 2), chunk.at(at), size};
  return true;
}

}  // namespace

ChunkDecoder::ChunkDecoder(const DecodeOptions& options)
    : options_(options),
      general_(
          [](const void* self, std::uint32_t id) {
            return winlog::HostKnowledge::is_evidence(id) || winlog::tells_of_filters(id) ||
                   static_cast<const ChunkDecoder*>(self)->is_wanted(id);
          },
          this) {
  for (const std::uint16_t id : kEventIds) {
    if (id >= 5150 && options.record.has_event_id(id)) wanted_ids_ |= 1U << (id - 5150U);
  }
}

void ChunkDecoder::begin_piece(DecodedPiece& out) {
  out_ = &out;
  begin_list();
}

void ChunkDecoder::begin_list() {
  const std::size_t expected = events_ != nullptr ? events_in_list_ : 0;
  events_ = &out_->events.emplace_back();
  ++list_number_;
  events_->list.events.reserve(expected + expected / 8);
  events_in_list_ = 0;
  source_ = {};
  forget_texts();
}

void ChunkDecoder::forget_texts() {
  texts_.forget();
  host_.forget();
  channel_.forget();
}

void ChunkDecoder::decode(Bytes chunk, std::uint64_t file_offset) {
  FileReport& report = out_->report;
  report.bytes += chunk.size();
  const ChunkKind kind = kind_of_chunk(chunk);
  if (kind == ChunkKind::kNeverUsed) {
    out_->never_used.push_back(file_offset);
    return;
  }
  note_gap();
  if (kind == ChunkKind::kForeign) {
    report.note(file_offset, "chunk: the signature \"ElfChnk\" expected, found other bytes");
    return;
  }
  const ChunkHeader header = read_chunk_header(chunk);
  bool walkable = true;
  std::string fault = check_chunk(chunk, header, walkable);
  const bool trusted = fault.empty();
  if (!trusted) report.note(file_offset, std::move(fault));
  if (!walkable) return;
  chunk_ = {chunk, kTokensPerChunk};
  if (list().events.size() >= kFullList) begin_list();
  if (plans_.begin_chunk() == PlanCache::Plans::kSomeDropped) forget_texts();
  walk_records(file_offset, header.free_offset, trusted);
}

void ChunkDecoder::note_gap() {
  for (const std::uint64_t offset : out_->never_used) out_->report.note(offset, kGapNote);
  out_->never_used.clear();
  out_->any_used = true;
}

void ChunkDecoder::walk_records(std::uint64_t file_offset, std::uint32_t free_offset,
                                bool trusted) {
  const Bytes bytes = chunk_.bytes.first(free_offset);
  FileReport& report = out_->report;
  std::uint32_t at = kChunkHeaderSize;
  Record record;
  while (free_offset - at >= kMinRecordSize &&
         read_record_header(bytes, at, free_offset, record.header)) {
    const std::uint32_t size = record.header.size;
    ++report.records;
    if (trusted && record.header.id > out_->newest_record_id) {
      out_->newest_record_id = record.header.id;
    }
    if (bytes.u32(at + size - kTrailerSize) != size) {
      report.note(file_offset + at, "record: its size and the copy behind it differ");
    } else if (record.header.id > options_.after_record_id) {
      record.at = at;
      record.end = at + size - kTrailerSize;
      if (const char* fault = read_record(record))
        report.note(file_offset + at, std::string("record: ") + fault);
    }
    at += size;
  }
  if (at == free_offset) return;
  // Where the next record would begin is not known, and old records may stand behind it.
  report.note(file_offset + at, "record: a record expected, found none; the chunk's remaining " +
                                    std::to_string(free_offset - at) + " bytes are skipped");
}

const char* ChunkDecoder::read_record(const Record& record) {
  const Bytes bytes = chunk_.bytes;
  const std::uint32_t begin = record.at + kRecordHeaderSize;
  TemplateInstance instance;
  if (options_.path == DecodePath::kGeneral || !find_instance(bytes, begin, record.end, instance))
    return read_generally(record);
  PlanCache::Entry* const entry = plans_.find(chunk_, instance.definition, Root::kRecord);
  if (entry == nullptr || !entry->plan->id_usable()) return read_generally(record);
  const Origin& id = entry->plan->origin(Slot::kEventId);
  Value value = id.literal;
  if (id.kind == Origin::Kind::kValue &&
      !find_value(bytes, instance.values, record.end, id.index, value))
    return "its values do not fit";
  const auto event_id = fitting<std::uint16_t>(to_number(value));
  if (is_wanted(event_id)) return read_by_plan(record, instance, *entry->plan, event_id);
  if (winlog::HostKnowledge::is_evidence(event_id))
    take_evidence(*entry, instance, record, event_id);
  else if (winlog::tells_of_filters(event_id))
    return read_generally(record);
  return nullptr;
}

bool ChunkDecoder::is_ours(const Value& provider) {
  const std::string_view bytes(reinterpret_cast<const char*>(provider.bytes), provider.size);
  if (provider.is(ValueType::kString) && !bytes.empty() && bytes == our_provider_) return true;
  std::string text(max_text_size(provider), '\0');
  text.resize(static_cast<std::size_t>(render(provider, text.data()) - text.data()));
  if (!winlog::is_wanted_provider(text)) return false;
  if (provider.is(ValueType::kString)) our_provider_ = bytes;
  return true;
}

// One version for each template of a chunk is enough, and keeps the many logon records cheap.
void ChunkDecoder::take_evidence(PlanCache::Entry& entry, const TemplateInstance& instance,
                                 const Record& record, std::uint32_t event_id) {
  const std::uint8_t kind = event_id == 4624 ? 1 : 2;
  const Plan& plan = *entry.plan;
  if ((entry.evidence_taken & kind) != 0 || !plan.usable()) return;
  if (values_.read(chunk_.bytes, instance.values, record.end) != InstanceValues::Outcome::kRead)
    return;
  if (!is_ours(values_.of(plan.origin(Slot::kProvider)))) return;
  const Origin& host = plan.origin(Slot::kHost);
  if (host.kind == Origin::Kind::kLiteral) entry.evidence_taken |= kind;
  const auto version = to_number(values_.of(plan.origin(Slot::kVersion)));
  add_evidence(host_.text(values_.of(host), list().text), event_id, fitting<std::uint8_t>(version));
}

void ChunkDecoder::add_evidence(std::string_view host, std::uint32_t event_id,
                                std::uint8_t version) {
  std::vector<Evidence>& evidence = events_->evidence;
  for (auto last = evidence.rbegin(); last != evidence.rend(); ++last) {
    if (last->event_id != event_id || last->host != host) continue;
    if (last->version == version) return;
    break;
  }
  evidence.push_back({list().events.size(), host, event_id, version});
}

const char* ChunkDecoder::read_by_plan(const Record& record, const TemplateInstance& instance,
                                       Plan& plan, std::uint16_t event_id) {
  if (!plan.usable()) return read_generally(record);
  const Bytes bytes = chunk_.bytes;
  using Outcome = InstanceValues::Outcome;
  switch (values_.read(bytes, instance.values, record.end)) {
    case Outcome::kRead:
      break;
    case Outcome::kTooMany:
      return read_generally(record);
    case Outcome::kBroken:
      return "its values do not fit";
  }
  const auto system_value = [&](Slot slot) { return values_.of(plan.origin(slot)); };

  if (!is_ours(system_value(Slot::kProvider))) return nullptr;
  winlog::SystemFields system;
  system.provider = winlog::kProvider;
  system.event_id = event_id;
  system.version = fitting<std::uint8_t>(to_number(system_value(Slot::kVersion)));
  const Value time = system_value(Slot::kTime);
  const auto filetime = to_filetime(time);
  // A time that was written as text is rare enough for the reader that knows how to parse it.
  if (!filetime && !time.is(ValueType::kNull)) return read_generally(record);
  system.time = from_filetime(filetime.value_or(record.header.filetime));
  system.record_id = to_number(system_value(Slot::kRecordId)).value_or(record.header.id);
  system.host = host_.text(system_value(Slot::kHost), list().text);
  system.channel = channel_.text(system_value(Slot::kChannel), list().text);

  const Value data = values_.of(plan.data());
  if (!data.is(ValueType::kBinXml)) return add_planned(system, plan, values_, record);
  const auto at = static_cast<std::uint32_t>(data.bytes - bytes.at(0));
  TemplateInstance inner;
  if (!plan.fields().empty() || !find_instance(bytes, at, at + data.size, inner))
    return read_generally(record);
  const PlanCache::Entry* const entry = plans_.find(chunk_, inner.definition, Root::kEventContent);
  if (entry == nullptr || !entry->plan->usable() ||
      entry->plan->data().kind != Origin::Kind::kAbsent)
    return read_generally(record);
  switch (data_values_.read(bytes, inner.values, at + data.size)) {
    case Outcome::kRead:
      return add_planned(system, *entry->plan, data_values_, record);
    case Outcome::kTooMany:
      return read_generally(record);
    default:
      return "a template's values do not fit";
  }
}

const char* ChunkDecoder::add_planned(const winlog::SystemFields& system, Plan& plan,
                                      const InstanceValues& values, const Record& record) {
  const std::span<const Plan::Field> fields = plan.fields();
  if (plan.value_count() > values.count()) return read_generally(record);
  TextArena& arena = list().text;
  LastRecord& last = plan.last(arena, list_number_);
  // One allocation for all texts of the record: no value is in two fields.
  const std::size_t room = max_text_size(fields.size(), values.total_size());
  char* const begin = arena.allocate(room, 1);
  char* out = begin;
  bool readable = true;
  for (std::size_t i = 0; i < fields.size() && readable; ++i) {
    const Value value = values.at(fields[i].value);
    if (same(value, last.values[i])) continue;
    readable = !value.is(ValueType::kBinXml) && (value.type & kArrayFlag) == 0;
    if (!readable) break;
    // One by one: a copy as a whole would wait for the parts to be written.
    last.values[i].bytes = value.bytes;
    last.values[i].size = value.size;
    last.values[i].type = value.type;
    const std::optional<std::uint64_t> number = unsigned_value(value);
    const std::string_view text = text_of(value, number, out);
    last.raw[i].value = text;
    if (fields[i].role != winlog::FieldRole::kOther)
      maker_.set(last.fields, fields[i].role, text, number);
  }
  arena.shrink(room - static_cast<std::size_t>(out - begin));
  if (!readable) return read_generally(record);
  const auto raw = arena.copy_array(std::span<const RawField>(last.raw));
  return add_event(maker_.add(last.fields, system, raw, list().events));
}

// Writes the text to `out`, and moves that, unless the list has it already.
std::string_view ChunkDecoder::text_of(Value value, const std::optional<std::uint64_t>& number,
                                       char*& out) {
  const char* const begin = out;
  if (value.is(ValueType::kString) && value.size < kMinRepeatedText) {
    out = ascii_utf16_to_utf8(value.bytes, without_terminator(value.bytes, value.size / 2), out);
  } else if (number) {
    out = put_number(*number, is_hexadecimal(value), out);
  } else {
    return texts_.text(value, out);
  }
  return {begin, static_cast<std::size_t>(out - begin)};
}

const char* ChunkDecoder::read_generally(const Record& record) {
  const auto outcome = general_.read(chunk_, record.at + kRecordHeaderSize, record.end);
  const bool of_filters = winlog::tells_of_filters(general_.event_id());
  if (outcome == RecordReader::Outcome::kBroken) {
    return of_filters ? nullptr : general_.fault_text();  // damage is told of what was asked for
  }
  if (outcome == RecordReader::Outcome::kSkipped) return nullptr;
  if (!winlog::is_wanted_provider(general_.text(Slot::kProvider))) return nullptr;
  if (of_filters) {
    take_filter_change(record);
    return nullptr;
  }
  TextArena& arena = list().text;
  const auto version = fitting<std::uint8_t>(general_.number(Slot::kVersion));
  if (winlog::HostKnowledge::is_evidence(general_.event_id())) {
    add_evidence(arena.copy(general_.text(Slot::kHost)), general_.event_id(), version);
    return nullptr;
  }
  winlog::SystemFields system;
  system.provider = winlog::kProvider;
  system.event_id = static_cast<std::uint16_t>(general_.event_id());
  system.version = version;
  const auto filetime = general_.filetime(Slot::kTime);
  if (!filetime && !general_.text(Slot::kTime).empty()) return "its time cannot be read";
  system.time = from_filetime(filetime.value_or(record.header.filetime));
  system.record_id = general_.number(Slot::kRecordId).value_or(record.header.id);
  system.host = arena.copy(general_.text(Slot::kHost));
  system.channel = arena.copy(general_.text(Slot::kChannel));

  const auto fields = general_.fields();
  const std::span<RawField> raw = arena.array<RawField>(fields.size());
  roles_.clear();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    raw[i] = {arena.copy(fields[i].name), arena.copy(fields[i].value)};
    roles_.push_back(winlog::role_of(fields[i].name));
  }
  auto event = winlog::to_event(system, raw, roles_);
  if (!event) return add_event(std::move(event.error()));
  list().events.push_back(*event);
  return add_event(std::nullopt);
}

// From the record that was read generally. One that cannot be placed tells nothing.
void ChunkDecoder::take_filter_change(const Record& record) {
  std::vector<RawField> data;
  for (const RecordReader::Field& field : general_.fields())
    data.push_back({field.name, field.value});
  const Timestamp time =
      from_filetime(general_.filetime(Slot::kTime).value_or(record.header.filetime));
  auto change = winlog::filter_change(general_.event_id(), time, data);
  if (!change) return;
  TextArena& arena = list().text;
  for (std::string_view* text : {&change->name, &change->provider_key, &change->provider})
    *text = arena.copy(*text);
  events_->filters.push_back(
      {list().events.size(), arena.copy(general_.text(Slot::kHost)), *change});
}

// Completes the event that was added, or keeps the text of the error why none was.
const char* ChunkDecoder::add_event(std::optional<Error> error) {
  if (error) {
    problem_ = std::move(error->message);
    return problem_.c_str();
  }
  if (source_.empty()) source_ = list().text.copy(options_.source);
  list().events.back().source = source_;
  ++events_in_list_;
  return nullptr;
}

}  // namespace blockwatch::evtx
