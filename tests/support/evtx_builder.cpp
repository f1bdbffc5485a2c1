#include "tests/support/evtx_builder.h"

#include <libdeflate.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include "tests/support/evtx_values.h"

namespace blockwatch::testing {

namespace {

constexpr std::size_t kChunkHeader = 512;
constexpr std::size_t kStringTable = 0x80;     // 64 buckets
constexpr std::size_t kTemplateTable = 0x180;  // 32 buckets
constexpr char kEventNamespace[] = "http://schemas.microsoft.com/win/2004/08/events/event";
constexpr char kProviderGuid[] = "{54849625-5478-4994-A5BA-3E3B0328C30D}";

// Indexes of the values of a record's template, in the order Windows uses.
enum SystemValue : std::uint16_t {
  kLevel,
  kOpcode,
  kTask,
  kEventId,
  kQualifiers,
  kKeywords,
  kTime,
  kActivity,
  kProcess,
  kThread,
  kRecordId,
  kVersion,
  kUser,
  kRelated,
  kProviderName,
  kProviderId,
  kChannel,
  kEventData,
  kCount,
};

void store(std::uint8_t* p, std::uint64_t v, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<std::uint8_t>(v >> (8 * i));
}

std::uint32_t load(const std::uint8_t* p) {
  return p[0] | static_cast<std::uint32_t>(p[1]) << 8 | static_cast<std::uint32_t>(p[2]) << 16 |
         static_cast<std::uint32_t>(p[3]) << 24;
}

// The hash that the string table is ordered by (libevtx's documentation names it SDBM-like).
std::uint16_t name_hash(const ByteVector& units) {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < units.size(); i += 2)
    hash = hash * 65599 + (units[i] | static_cast<std::uint32_t>(units[i + 1]) << 8);
  return static_cast<std::uint16_t>(hash);
}

void seal_chunk(std::uint8_t* chunk) {
  const std::uint32_t free_offset = load(chunk + 0x30);
  if (free_offset >= kChunkHeader && free_offset <= kChunkBytes)
    store(chunk + 0x34, libdeflate_crc32(0, chunk + kChunkHeader, free_offset - kChunkHeader), 4);
  const std::uint32_t crc = libdeflate_crc32(0, chunk, 0x78);
  store(chunk + 0x7c, libdeflate_crc32(crc, chunk + 0x80, kChunkHeader - 0x80), 4);
}

std::string hex_text(std::uint64_t value) {
  char out[16];
  return "0x" + std::string(out, std::to_chars(out, out + 16, value, 16).ptr);
}

std::string sid_text(const ByteVector& sid) {
  std::string out = "S-" + std::to_string(sid[0]) + "-" + std::to_string(sid[7]);
  for (std::size_t i = 8; i + 4 <= sid.size(); i += 4) out += "-" + std::to_string(load(&sid[i]));
  return out;
}

// As UTF-16 text, for the form without templates.
ByteVector rendered(const FieldSpec& field) {
  std::uint64_t number = 0;
  for (std::size_t i = field.bytes.size(); i-- > 0;)
    number = (i < 8 ? number << 8 : 0) | field.bytes[i];
  switch (field.type) {
    case kString:
      return field.bytes;
    case kSid:
      return utf16(sid_text(field.bytes));
    case kSize:
    case kHex32:
    case kHex64:
      return utf16(hex_text(number));
    default:
      return utf16(std::to_string(number));
  }
}

}  // namespace

EvtxBuilder::EvtxBuilder() { begin_chunk(); }

void EvtxBuilder::u16(unsigned v) { put(little(v, 2)); }
void EvtxBuilder::u32(std::uint64_t v) { put(little(v, 4)); }
void EvtxBuilder::u64(std::uint64_t v) { put(little(v, 8)); }
void EvtxBuilder::put(const ByteVector& bytes) {
  chunk_.insert(chunk_.end(), bytes.begin(), bytes.end());
}
void EvtxBuilder::patch_u32(std::size_t at, std::size_t v) { store(&chunk_[at], v, 4); }

void EvtxBuilder::begin_chunk() {
  chunk_.assign(kChunkHeader, 0);
  names_.clear();
  templates_.clear();
  first_in_chunk_ = 0;
}

EvtxBuilder& EvtxBuilder::end_chunk() {
  if (empty()) return *this;
  const ByteVector whole = sealed_chunk();
  done_.insert(done_.end(), whole.begin(), whole.end());
  begin_chunk();
  return *this;
}

ByteVector EvtxBuilder::sealed_chunk() const {
  ByteVector out = chunk_;
  out.resize(kChunkBytes);
  std::uint8_t* const c = out.data();
  std::memcpy(c, "ElfChnk", 8);
  store(c + 0x08, first_in_chunk_, 8);
  store(c + 0x10, last_id_, 8);
  store(c + 0x18, first_in_chunk_, 8);
  store(c + 0x20, last_id_, 8);
  store(c + 0x28, 128, 4);
  store(c + 0x2c, last_record_at_, 4);
  store(c + 0x30, chunk_.size(), 4);
  store(c + 0x78, 1, 4);
  seal_chunk(c);
  return out;
}

ByteVector EvtxBuilder::chunk_bytes() const {
  ByteVector out = done_;
  if (empty()) return out;
  const ByteVector last = sealed_chunk();
  out.insert(out.end(), last.begin(), last.end());
  return out;
}

ByteVector EvtxBuilder::bytes() const {
  const ByteVector body = chunk_bytes();
  ByteVector file(kFileHeaderBytes);
  const std::size_t count = body.size() / kChunkBytes;
  std::memcpy(file.data(), "ElfFile", 8);
  store(&file[16], count == 0 ? 0 : count - 1, 8);
  store(&file[24], last_id_ + 1, 8);
  store(&file[32], 128, 4);
  store(&file[36], 1, 2);
  store(&file[38], 3, 2);
  store(&file[40], kFileHeaderBytes, 2);
  store(&file[42], count, 2);
  store(&file[124], libdeflate_crc32(0, file.data(), 120), 4);
  file.insert(file.end(), body.begin(), body.end());
  return file;
}

void reseal(ByteVector& file) {
  if (file.size() < kFileHeaderBytes) return;
  store(&file[124], libdeflate_crc32(0, file.data(), 120), 4);
  for (std::size_t at = kFileHeaderBytes; at + kChunkBytes <= file.size(); at += kChunkBytes)
    seal_chunk(&file[at]);
}

EvtxBuilder& EvtxBuilder::add(const RecordSpec& record) {
  const std::uint64_t id = record.record_id != 0 ? record.record_id : last_id_ + 1;
  begin_record(id, record.time);
  write_content(record, id);
  if (!end_record(id)) {
    end_chunk();
    begin_record(id, record.time);
    write_content(record, id);
    if (!end_record(id)) throw std::length_error("the record does not fit into a chunk");
  }
  return *this;
}

EvtxBuilder& EvtxBuilder::add_fragment(const ByteVector& fragment, Timestamp time) {
  const std::uint64_t id = last_id_ + 1;
  begin_record(id, time);
  put(fragment);
  if (!end_record(id)) throw std::length_error("the record does not fit into the chunk");
  return *this;
}

void EvtxBuilder::begin_record(std::uint64_t id, Timestamp time) {
  undo_ = {chunk_.size(),
           last_record_at_,
           ByteVector(chunk_.begin(), chunk_.begin() + kChunkHeader),
           {},
           {}};
  last_record_at_ = chunk_.size();
  u32(0x2a2a);
  u32(0);
  u64(id);
  u64(to_filetime(time));
}

bool EvtxBuilder::end_record(std::uint64_t id) {
  while ((chunk_.size() - last_record_at_) % 8 != 4) u8(0);
  const std::size_t size = chunk_.size() + 4 - last_record_at_;
  u32(size);
  patch_u32(last_record_at_ + 4, size);
  if (chunk_.size() > kChunkBytes) {
    chunk_.resize(undo_.size);
    std::copy(undo_.header.begin(), undo_.header.end(), chunk_.begin());
    last_record_at_ = undo_.last_record_at;
    for (const std::string& name : undo_.names) names_.erase(name);
    for (const std::string& key : undo_.templates) templates_.erase(key);
    return false;
  }
  if (first_in_chunk_ == 0) first_in_chunk_ = id;
  last_id_ = id;
  record_offsets_.push_back(kFileHeaderBytes + done_.size() + last_record_at_);
  return true;
}

// A name stands where it is first used in the chunk, and is entered in the string table.
void EvtxBuilder::name_reference(std::string_view name) {
  const auto known = names_.find(name);
  if (known != names_.end()) return u32(known->second);
  const auto at = static_cast<std::uint32_t>(chunk_.size() + 4);
  names_.emplace(name, at);
  undo_.names.emplace_back(name);
  const ByteVector units = utf16(name);
  const std::uint16_t hash = name_hash(units);
  std::uint8_t* const bucket = &chunk_[kStringTable + std::size_t{4} * (hash % 64U)];
  const std::uint32_t next = load(bucket);
  store(bucket, at, 4);
  u32(at);
  u32(next);
  u16(hash);
  u16(static_cast<unsigned>(units.size() / 2));
  put(units);
  u16(0);
}

EvtxBuilder::Element EvtxBuilder::open(std::string_view name, bool attributes, bool in_template,
                                       unsigned value) {
  Element element;
  u8(attributes ? 0x41 : 0x01);
  if (in_template) u16(value);
  element.size_at = chunk_.size();
  u32(0);
  name_reference(name);
  if (attributes) {
    element.attributes_at = chunk_.size();
    u32(0);
  }
  return element;
}

void EvtxBuilder::end_attributes(const Element& element) {
  patch_u32(element.attributes_at, chunk_.size() - element.attributes_at - 4);
}

void EvtxBuilder::close(const Element& element, bool empty_element) {
  u8(empty_element ? 0x03 : 0x04);
  patch_u32(element.size_at, chunk_.size() - element.size_at - 4);
}

void EvtxBuilder::attribute(std::string_view name, bool more) {
  u8(more ? 0x46 : 0x06);
  name_reference(name);
}

void EvtxBuilder::literal(std::string_view utf8) {
  const ByteVector units = utf16(utf8);
  u8(0x05);
  u8(kString);
  u16(static_cast<unsigned>(units.size() / 2));
  put(units);
}

void EvtxBuilder::substitution(std::uint16_t index, std::uint8_t type, bool optional) {
  u8(optional ? 0x0e : 0x0d);
  u16(index);
  u8(type);
}

void EvtxBuilder::text_element(std::string_view name, std::string_view text) {
  const Element element = open(name, false, false);
  u8(0x02);
  literal(text);
  close(element, false);
}

void EvtxBuilder::value_element(std::string_view name, std::uint16_t index, std::uint8_t type) {
  const Element element = open(name, false, true, index);
  u8(0x02);
  substitution(index, type, true);
  close(element, false);
}

bool EvtxBuilder::begin_instance(const std::string& key, std::size_t& definition) {
  const auto id = libdeflate_crc32(0, key.data(), key.size());
  u32(0x0001010f);
  u8(0x0c);
  u8(0x01);
  u32(id);
  const auto known = templates_.find(key);
  if (known != templates_.end()) {
    u32(known->second);
    return false;
  }
  definition = chunk_.size() + 4;
  templates_.emplace(key, static_cast<std::uint32_t>(definition));
  undo_.templates.push_back(key);
  std::uint8_t* const bucket = &chunk_[kTemplateTable + std::size_t{4} * (id % 32U)];
  const std::uint32_t next = load(bucket);
  store(bucket, definition, 4);
  u32(definition);
  u32(next);
  u32(id);  // the GUID begins with the id
  u64(id * 0x9e3779b97f4a7c15U);
  u32(key.size());
  u32(0);
  u32(0x0001010f);
  return true;
}

void EvtxBuilder::end_definition(std::size_t definition) {
  u8(0x00);
  patch_u32(definition + 20, chunk_.size() - definition - 24);
}

void EvtxBuilder::write_content(const RecordSpec& record, std::uint64_t id) {
  if (record.form == RecordForm::kText) {
    u32(0x0001010f);
    write_event(record, false, id);
    u8(0x00);
    return;
  }
  const bool nested = record.form == RecordForm::kTemplates;
  std::string key = nested ? "nested" : "whole";
  for (const std::string& part : {record.provider, record.computer}) key += '\n' + part;
  if (!nested) {
    for (const FieldSpec& field : record.data)
      key += '\n' + field.name + std::to_string(field.type);
  }
  std::size_t definition = 0;
  if (begin_instance(key, definition)) {
    write_event(record, true, id);
    end_definition(definition);
  }
  write_values(record, id);
  u8(0x00);
}

void EvtxBuilder::write_event(const RecordSpec& record, bool in_template, std::uint64_t id) {
  const Element event = open("Event", true, in_template);
  attribute("xmlns", false);
  literal(kEventNamespace);
  end_attributes(event);
  u8(0x02);
  const Element system = open("System", false, in_template);
  u8(0x02);
  if (in_template) {
    write_system_template(record);
  } else {
    write_system_text(record, id);
  }
  close(system, false);
  if (in_template && record.form == RecordForm::kTemplates) {
    substitution(kEventData, kBinXml, true);
  } else {
    write_data(record, in_template, kCount);
  }
  close(event, false);
}

void EvtxBuilder::write_system_template(const RecordSpec& record) {
  const Element provider = open("Provider", true, true);
  attribute("Name", true);
  substitution(kProviderName, kString, true);
  attribute("Guid", false);
  substitution(kProviderId, kGuid, true);
  end_attributes(provider);
  close(provider, true);
  const Element event_id = open("EventID", true, true, kEventId);
  attribute("Qualifiers", false);
  substitution(kQualifiers, kUInt16, true);
  end_attributes(event_id);
  u8(0x02);
  substitution(kEventId, kUInt16, true);
  close(event_id, false);
  value_element("Version", kVersion, kUInt8);
  value_element("Level", kLevel, kUInt8);
  value_element("Task", kTask, kUInt16);
  value_element("Opcode", kOpcode, kUInt8);
  value_element("Keywords", kKeywords, kHex64);
  const Element time = open("TimeCreated", true, true);
  attribute("SystemTime", false);
  substitution(kTime, kFileTime, true);
  end_attributes(time);
  close(time, true);
  value_element("EventRecordID", kRecordId, kUInt64);
  const Element correlation = open("Correlation", true, true);
  attribute("ActivityID", true);
  substitution(kActivity, kGuid, true);
  attribute("RelatedActivityID", false);
  substitution(kRelated, kGuid, true);
  end_attributes(correlation);
  close(correlation, true);
  const Element execution = open("Execution", true, true);
  attribute("ProcessID", true);
  substitution(kProcess, kUInt32, true);
  attribute("ThreadID", false);
  substitution(kThread, kUInt32, true);
  end_attributes(execution);
  close(execution, true);
  value_element("Channel", kChannel, kString);
  const Element computer = open("Computer", false, true);
  u8(0x02);
  literal(record.computer);
  close(computer, false);
  const Element security = open("Security", true, true);
  attribute("UserID", false);
  substitution(kUser, kSid, true);
  end_attributes(security);
  close(security, true);
}

void EvtxBuilder::write_system_text(const RecordSpec& record, std::uint64_t id) {
  const Element provider = open("Provider", true, false);
  attribute("Name", true);
  literal(record.provider);
  attribute("Guid", false);
  literal(kProviderGuid);
  end_attributes(provider);
  close(provider, true);
  text_element("EventID", std::to_string(record.event_id));
  text_element("Version", std::to_string(record.version));
  text_element("Level", "0");
  text_element("Task", std::to_string(record.task));
  text_element("Opcode", "0");
  text_element("Keywords", hex_text(record.keywords));
  const Element time = open("TimeCreated", true, false);
  attribute("SystemTime", false);
  literal(format_rfc3339(record.time));
  end_attributes(time);
  close(time, true);
  text_element("EventRecordID", std::to_string(id));
  text_element("Channel", record.channel);
  text_element("Computer", record.computer);
}

void EvtxBuilder::write_data(const RecordSpec& record, bool in_template, unsigned first_value) {
  const Element data = open("EventData", false, in_template);
  u8(0x02);
  for (const FieldSpec& field : record.data) {
    const Element element = open("Data", true, in_template);
    attribute("Name", false);
    literal(field.name);
    end_attributes(element);
    u8(0x02);
    if (in_template) {
      substitution(static_cast<std::uint16_t>(first_value++), field.type, false);
    } else {
      const ByteVector text = rendered(field);
      u8(0x05);
      u8(kString);
      u16(static_cast<unsigned>(text.size() / 2));
      put(text);
    }
    close(element, false);
  }
  close(data, false);
}

void EvtxBuilder::write_values(const RecordSpec& record, std::uint64_t id) {
  std::vector<FieldSpec> values(kCount);
  const auto set = [&values](SystemValue index, std::uint8_t type, ByteVector bytes) {
    values[index] = {{}, type, std::move(bytes)};
  };
  for (FieldSpec& value : values) value.type = 0;
  set(kLevel, kUInt8, little(0, 1));
  set(kOpcode, kUInt8, little(0, 1));
  set(kTask, kUInt16, little(record.task, 2));
  set(kEventId, kUInt16, little(record.event_id, 2));
  set(kKeywords, kHex64, little(record.keywords, 8));
  set(kTime, kFileTime, little(to_filetime(record.time), 8));
  set(kProcess, kUInt32, little(record.process_id, 4));
  set(kThread, kUInt32, little(record.thread_id, 4));
  set(kRecordId, kUInt64, little(id, 8));
  set(kVersion, kUInt8, little(record.version, 1));
  set(kProviderName, kString, utf16(record.provider));
  set(kProviderId, kGuid,
      {0x25, 0x96, 0x84, 0x54, 0x78, 0x54, 0x94, 0x49, 0xa5, 0xba, 0x3e, 0x3b, 0x03, 0x28, 0xc3,
       0x0d});
  set(kChannel, kString, utf16(record.channel));
  const bool nested = record.form == RecordForm::kTemplates;
  if (nested) {
    values[kEventData].type = kBinXml;
  } else {
    values.insert(values.end(), record.data.begin(), record.data.end());
  }
  u32(values.size());
  std::size_t nested_size_at = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i == kEventData) nested_size_at = chunk_.size();
    u16(static_cast<unsigned>(values[i].bytes.size()));
    u16(values[i].type);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != kEventData || !nested) {
      put(values[i].bytes);
      continue;
    }
    const std::size_t begin = chunk_.size();
    write_nested_data(record);
    store(&chunk_[nested_size_at], chunk_.size() - begin, 2);
  }
}

void EvtxBuilder::write_nested_data(const RecordSpec& record) {
  std::string key = "data";
  for (const FieldSpec& field : record.data) key += '\n' + field.name + std::to_string(field.type);
  std::size_t definition = 0;
  if (begin_instance(key, definition)) {
    write_data(record, true, 0);
    end_definition(definition);
  }
  u32(record.data.size());
  for (const FieldSpec& field : record.data) {
    u16(static_cast<unsigned>(field.bytes.size()));
    u16(field.type);
  }
  for (const FieldSpec& field : record.data) put(field.bytes);
  u8(0x00);
}

}  // namespace blockwatch::testing
