#include "monitor/evtx/decoder.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "monitor/evtx/numbers.h"
#include "monitor/evtx/value_cursor.h"
#include "monitor/winlog/host_knowledge.h"

namespace blockwatch::evtx {

namespace {

constexpr std::uint32_t kFragmentHeader = 0x0001010f;  // token, version 1.1, no flags
constexpr std::uint8_t kTemplateToken = 0x0c;
constexpr std::uint32_t kFragmentHeaderSize = 4;
constexpr std::uint32_t kTrailerSize = 4;  // the copy of the record's size

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
  events_ = &out_->events.emplace_back();
  ++list_number_;
  events_->list.events.reserve(kMaxListEvents);  // what is not written to costs nothing
  source_ = {};
  forget_texts();
}

void ChunkDecoder::forget_texts() {
  texts_.forget();
  host_.forget();
  channel_.forget();
  our_provider_ = {};
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
  begin_chunk(chunk);
  walk_records(file_offset, header.free_offset, trusted);
}

void ChunkDecoder::decode_cut(Bytes chunk, std::uint32_t present, std::uint64_t file_offset) {
  out_->report.bytes += present;
  note_gap();
  out_->report.note(file_offset, "chunk: 65536 bytes expected, the file ends after " +
                                     std::to_string(present) + " of them");
  if (present < kChunkHeaderSize || kind_of_chunk(chunk) != ChunkKind::kUsed) return;
  const ChunkHeader header = read_chunk_header(chunk);
  bool walkable = true;
  // Only slack may be missing.
  const bool trusted = check_chunk(chunk, header, walkable).empty();
  if (!walkable) return;
  begin_chunk(chunk);
  walk_records(file_offset, std::min(header.free_offset, present), trusted);
}

void ChunkDecoder::begin_chunk(Bytes chunk) {
  chunk_ = {chunk, kTokensPerChunk};
  if (list().events.size() >= kFullList) begin_list();
  if (plans_.begin_chunk() == PlanCache::Plans::kSomeDropped) forget_texts();
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
  return winlog::tells_of_filters(event_id) ? read_generally(record) : nullptr;
}

bool ChunkDecoder::is_ours(Value provider) {
  if (our_provider_.bytes != nullptr && same(provider, our_provider_)) return true;
  std::string text(max_text_size(provider), '\0');
  text.resize(static_cast<std::size_t>(render(provider, text.data()) - text.data()));
  if (!winlog::is_wanted_provider(text)) return false;
  our_provider_ = provider;
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
  if (!data.is(ValueType::kBinXml)) return add_planned(system, plan, values_.table(), record);
  const auto at = static_cast<std::uint32_t>(data.bytes - bytes.at(0));
  TemplateInstance inner;
  if (!plan.fields().empty() || !find_instance(bytes, at, at + data.size, inner))
    return read_generally(record);
  const PlanCache::Entry* const entry = plans_.find(chunk_, inner.definition, Root::kEventContent);
  if (entry == nullptr || !entry->plan->usable() ||
      entry->plan->data().kind != Origin::Kind::kAbsent)
    return read_generally(record);
  ValueTable values;
  if (!find_values(bytes, inner.values, at + data.size, values))
    return "a template's values do not fit";
  return add_planned(system, *entry->plan, values, record);
}

const char* ChunkDecoder::add_planned(const winlog::SystemFields& system, Plan& plan,
                                      const ValueTable& values, const Record& record) {
  const std::span<Plan::Field> fields = plan.fields();
  if (plan.first_value() + fields.size() > values.count) return read_generally(record);
  TextArena& arena = list().text;
  LastRecord& last = plan.last(arena, list_number_);
  // One allocation for the fields and all their texts: no value is in two fields.
  const std::size_t raw_size = fields.size() * sizeof(RawField);
  const std::size_t room = max_text_size(fields.size(), values.end - values.values);
  char* const memory = arena.allocate(raw_size + room, alignof(RawField));
  char* const texts = memory + raw_size;
  char* out = texts;
  auto* const raw = reinterpret_cast<RawField*>(memory);
  if (raw_size > 0) std::memcpy(memory, last.raw, raw_size);
  ValueCursor cursor(chunk_.bytes, values);
  bool fits = true;
  bool planned = true;
  for (std::uint32_t i = plan.first_value(); fits && i > 0; --i) fits = cursor.next();
  RawField* recorded = raw;
  for (Plan::Field& field : fields) {
    const std::uint32_t described = load_u32(cursor.descriptor);
    const std::uint8_t* const bytes = cursor.bytes;
    fits = fits && cursor.next();
    if (!fits) break;
    const bool same =
        described == field.descriptor && same_bytes(bytes, field.bytes, described & 0xFFFF);
    field.bytes = bytes;  // the newest are the ones in the processor's cache
    if (!same) {
      field.descriptor = described;
      planned = take_field(field, last.fields, recorded->value, out);
      if (!planned) break;
    }
    ++recorded;
  }
  while (fits && planned && !cursor.at_end()) fits = cursor.next();
  arena.shrink(room - static_cast<std::size_t>(out - texts));
  if (!fits || !planned) {
    plan.forget_last();
    return fits ? read_generally(record) : "a template's values do not fit";
  }
  last.raw = raw;
  if (winlog::is_misplaced(system)) return complain(winlog::why_misplaced(system));
  maker_.add(last.fields, system, {raw, fields.size()}, list().events);
  finish_event();
  return nullptr;
}

// A field that is not what it was in the last record. False: it is nothing for a plan.
bool ChunkDecoder::take_field(const Plan::Field& field, Event& event, std::string_view& text,
                              char*& out) {
  const Value value = field.value();
  char* const begin = out;
  std::uint64_t number = 0;
  bool is_number = winlog::is_number(field.role);
  if (value.is(ValueType::kString)) {
    text = texts_.text(value, out);
    is_number = is_number && read_digits(value, number);
  } else if (read_unsigned(value, number)) {
    out = put_number(number, is_hexadecimal(value), out);
    text = {begin, out};
  } else if (value.is(ValueType::kBinXml) || (value.type & kArrayFlag) != 0) {
    return false;
  } else {
    text = texts_.text(value, out);
    is_number = false;
  }
  if (is_number) {
    winlog::EventMaker::set_number(event, field.role, number);
  } else {
    maker_.set_text(event, field.role, text);
  }
  return true;
}

const char* ChunkDecoder::read_generally(const Record& record) {
  const auto outcome = general_.read(chunk_, record.at + kRecordHeaderSize, record.end);
  const bool of_filters = winlog::tells_of_filters(general_.event_id());
  if (outcome == RecordReader::Outcome::kBroken)  // damage is told of what was asked for
    return of_filters ? nullptr : general_.fault_text();
  if (outcome == RecordReader::Outcome::kSkipped) return nullptr;
  if (!winlog::is_wanted_provider(general_.text(Slot::kProvider))) return nullptr;
  TextArena& arena = list().text;
  if (of_filters) {
    auto told = filter_evidence(general_, from_filetime(record.header.filetime),
                                list().events.size(), arena);
    if (told) events_->filters.push_back(*told);
    return nullptr;
  }
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
  if (!event) return complain(std::move(event.error()));
  list().events.push_back(*event);
  finish_event();
  return nullptr;
}

const char* ChunkDecoder::complain(Error error) {
  problem_ = std::move(error.message);
  return problem_.c_str();
}

// Completes the event that was added.
void ChunkDecoder::finish_event() {
  if (source_.empty()) source_ = list().text.copy(options_.source);
  list().events.back().source = source_;
}

}  // namespace blockwatch::evtx
