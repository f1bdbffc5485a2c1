#include "monitor/evtx/record_reader.h"

#include <charconv>

#include "monitor/evtx/utf16.h"
#include "storage/timestamp.h"

namespace blockwatch::evtx {

namespace {

constexpr std::size_t kMaxFields = 4096;
// A record holds less than 64 KiB; only repeated substitution makes more text of it than this.
constexpr std::size_t kMaxRecordText = std::size_t{1024} * 1024;

}  // namespace

RecordReader::Outcome RecordReader::read(ChunkContext& chunk, std::uint32_t at, std::uint32_t end) {
  chunk_ = &chunk;
  values_ = nullptr;
  nesting_ = 0;
  outline_ = {};
  for (Item& item : items_) {
    item.text.clear();
    item.only = {};
    item.pieces = 0;
  }
  field_count_ = 0;
  text_left_ = kMaxRecordText;
  event_id_ = 0;
  skipped_ = false;
  fault = {};
  if (!walk(at, end, Where::kRecord) && fault.what != nullptr) return Outcome::kBroken;
  return skipped_ || event_id_ == 0 ? Outcome::kSkipped : Outcome::kRead;
}

std::optional<std::uint64_t> RecordReader::number(Slot slot) const {
  const Item& item = place(slot);
  if (item.pieces == 1) return to_number(item.only);
  std::uint64_t n = 0;
  const char* const end = item.text.data() + item.text.size();
  const auto parsed = std::from_chars(item.text.data(), end, n);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return n;
}

std::optional<std::uint64_t> RecordReader::filetime(Slot slot) const {
  const Item& item = place(slot);
  if (item.pieces == 1) {
    if (const auto typed = evtx::to_filetime(item.only)) return typed;
  }
  const auto time = parse_rfc3339(item.text, true);
  if (!time) return std::nullopt;
  return blockwatch::to_filetime(*time);
}

bool RecordReader::walk(std::uint32_t at, std::uint32_t end, Where where) {
  return walk_fragment(*chunk_, at, end, where, *this) == Walk::kDone;
}

bool RecordReader::broken(const char* what) {
  if (fault.what == nullptr) fault.what = what;
  return false;
}

bool RecordReader::open(const Name& name) {
  if (!outline_.open(name)) return true;
  if (field_count_ == kMaxFields) return broken("too many fields in one event");
  if (field_count_ == fields_.size()) fields_.emplace_back();
  Field& field = fields_[field_count_++];
  field.name.clear();
  field.value.clear();
  if (outline_.named_by_attribute()) return true;
  field.name.resize(kMaxUtf8PerUnit * name.count);
  char* const begin = field.name.data();
  field.name.resize(static_cast<std::size_t>(utf16_to_utf8(name.units, name.count, begin) - begin));
  return true;
}

bool RecordReader::attribute(const Name& name) {
  outline_.attribute(name);
  return true;
}

bool RecordReader::start_closed() {
  outline_.start_closed();
  return true;
}

bool RecordReader::close() {
  if (!outline_.close()) return true;
  const auto id = number(Slot::kEventId);
  event_id_ = id && *id <= 0xFFFF ? static_cast<std::uint32_t>(*id) : 0;
  skipped_ = event_id_ == 0 || !wants_(context_, event_id_);
  return !skipped_;
}

bool RecordReader::append(std::string_view utf8, const Value* value) {
  const Slot slot = outline_.slot();
  if (slot == Slot::kNone || slot == Slot::kData) return true;
  if (utf8.size() > text_left_) return broken("more text than one record can hold");
  text_left_ -= utf8.size();
  if (slot == Slot::kFieldName) {
    fields_[field_count_ - 1].name += utf8;
  } else if (slot == Slot::kFieldValue) {
    fields_[field_count_ - 1].value += utf8;
  } else {
    Item& item = items_[static_cast<std::size_t>(slot)];
    item.text += utf8;
    // Text that is no value of the log counts as two pieces, so that it is read as text.
    item.pieces += value == nullptr ? 2U : 1U;
    if (value != nullptr) item.only = *value;
  }
  return true;
}

bool RecordReader::append(const Value& value) {
  const Slot slot = outline_.slot();
  if (slot == Slot::kNone || slot == Slot::kData) return true;
  scratch_.resize(max_text_size(value));
  const char* const end = render(value, scratch_.data());
  return append({scratch_.data(), static_cast<std::size_t>(end - scratch_.data())}, &value);
}

bool RecordReader::text(const Value& value) { return append(value); }

bool RecordReader::character(std::uint16_t unit) {
  char utf8[4];
  const bool surrogate = unit >= 0xD800 && unit < 0xE000;
  const char* const end = put_utf8(surrogate ? 0xFFFD : unit, utf8);
  return append({utf8, static_cast<std::size_t>(end - utf8)}, nullptr);
}

bool RecordReader::entity(const Name& name) {
  if (name.is("amp")) return append("&", nullptr);
  if (name.is("lt")) return append("<", nullptr);
  if (name.is("gt")) return append(">", nullptr);
  if (name.is("quot")) return append("\"", nullptr);
  if (name.is("apos")) return append("'", nullptr);
  return broken("an entity that XML does not define");
}

bool RecordReader::substitution(std::uint16_t index) {
  if (values_ == nullptr || index >= values_->count) return true;  // nothing to put there
  // Finding a value walks the descriptors before it, which is work as well.
  const std::uint32_t work = index / 16U;
  if (chunk_->tokens_left < work) return broken("too many tokens in one chunk");
  chunk_->tokens_left -= work;
  const Value value = value_at(chunk_->bytes, *values_, index);
  if (!value.is(ValueType::kBinXml)) return append(value);
  if (nesting_ == kMaxNesting) return broken("values nested too deeply");
  const ValueTable* const outer = values_;
  values_ = nullptr;
  ++nesting_;
  const auto at = static_cast<std::uint32_t>(value.bytes - chunk_->bytes.at(0));
  const bool go_on = walk(at, at + value.size, Where::kRecord);
  --nesting_;
  values_ = outer;
  return go_on;
}

bool RecordReader::instance(const TemplateInstance& instance, std::uint32_t end,
                            std::uint32_t& next) {
  ValueTable table;
  TemplateDefinition definition;
  if (nesting_ == kMaxNesting) return broken("templates nested too deeply");
  if (!read_values(chunk_->bytes, instance.values, end, table))
    return broken("a template's values do not fit");
  if (!read_definition(chunk_->bytes, instance.definition, definition))
    return broken("a template's definition lies outside its chunk");
  const ValueTable* const outer = values_;
  values_ = &table;
  ++nesting_;
  const bool go_on = walk(definition.body, definition.end, Where::kTemplate);
  --nesting_;
  values_ = outer;
  next = table.end;
  return go_on;
}

}  // namespace blockwatch::evtx
