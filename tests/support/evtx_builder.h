#pragma once
// Writes true EVTX files: headers, chunks with string and template tables, templates and their
// instances, checksums. For tests, benchmarks and the demo source.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "storage/timestamp.h"

namespace blockwatch::testing {

using ByteVector = std::vector<std::uint8_t>;

// One EventData field: a BinXML type code and the bytes of the value.
struct FieldSpec {
  std::string name;
  std::uint8_t type = 1;
  ByteVector bytes;
};
FieldSpec text_field(std::string name, std::string_view utf8);
FieldSpec uint32_field(std::string name, std::uint32_t value);
FieldSpec uint64_field(std::string name, std::uint64_t value);
FieldSpec hex64_field(std::string name, std::uint64_t value);
FieldSpec size_field(std::string name, std::uint64_t value);
// "S-1-5-21-...": at most 15 numbers after the authority.
FieldSpec sid_field(std::string name, std::string_view sid);
ByteVector utf16(std::string_view utf8);

// How the record is written.
enum class RecordForm : std::uint8_t {
  kTemplates,    // a template for the record and one for EventData, as services write them
  kOneTemplate,  // EventData stands in the record's own template
  kText,         // no template, every value as text: what Windows Event Collector stores
};

struct RecordSpec {
  std::string provider = "Microsoft-Windows-Security-Auditing";
  std::uint16_t event_id = 0;
  std::uint8_t version = 0;
  std::uint16_t task = 12810;
  std::uint64_t keywords = 0x8020000000000000;
  Timestamp time{15'900'000'000'000'000};  // 2020-05-20T22:40:00Z
  std::uint64_t record_id = 0;             // 0: one more than the record before
  std::string computer = "ws01.example.org";
  std::string channel = "Security";
  std::uint32_t process_id = 4;
  std::uint32_t thread_id = 8;
  std::vector<FieldSpec> data;
  RecordForm form = RecordForm::kTemplates;
};

inline constexpr std::size_t kFileHeaderBytes = 4096;
inline constexpr std::size_t kChunkBytes = 65536;

class EvtxBuilder {
 public:
  EvtxBuilder();

  // Begins a new chunk when the record does not fit into the current one.
  EvtxBuilder& add(const RecordSpec& record);
  // A record with this fragment as its content, for what add() cannot say.
  EvtxBuilder& add_fragment(const ByteVector& fragment, Timestamp time);
  EvtxBuilder& end_chunk();

  // The whole file, checksums in place. The builder can go on.
  ByteVector bytes() const;
  // Only the chunks, one after the other.
  ByteVector chunk_bytes() const;
  std::size_t chunks() const { return done_.size() / kChunkBytes + (empty() ? 0 : 1); }
  // File offsets of the records added, in order.
  const std::vector<std::size_t>& record_offsets() const { return record_offsets_; }
  // Where the next byte of the current chunk goes: add_fragment's content begins 24 bytes later.
  std::uint32_t position() const { return static_cast<std::uint32_t>(chunk_.size()); }

 private:
  struct Element {
    std::size_t size_at = 0;        // where its size is patched in
    std::size_t attributes_at = 0;  // where the size of its attributes is; 0: none
  };

  // What to take back when a record turns out not to fit.
  struct Undo {
    std::size_t size = 0;
    std::size_t last_record_at = 0;
    ByteVector header;
    std::vector<std::string> names;
    std::vector<std::string> templates;
  };

  bool empty() const { return first_in_chunk_ == 0; }
  void begin_chunk();
  ByteVector sealed_chunk() const;
  void begin_record(std::uint64_t id, Timestamp time);
  bool end_record(std::uint64_t id);  // false: it does not fit, and has been taken back
  void write_content(const RecordSpec& record, std::uint64_t id);
  void write_event(const RecordSpec& record, bool in_template, std::uint64_t id);
  void write_system_template(const RecordSpec& record);
  void write_system_text(const RecordSpec& record, std::uint64_t id);
  void write_data(const RecordSpec& record, bool in_template, unsigned first_value);
  void write_values(const RecordSpec& record, std::uint64_t id);
  void write_nested_data(const RecordSpec& record);

  void name_reference(std::string_view name);
  Element open(std::string_view name, bool attributes, bool in_template, unsigned value = 0xffff);
  void end_attributes(const Element& element);
  void close(const Element& element, bool empty);
  void attribute(std::string_view name, bool more);
  void literal(std::string_view utf8);
  void substitution(std::uint16_t index, std::uint8_t type, bool optional);
  void text_element(std::string_view name, std::string_view text);
  void value_element(std::string_view name, std::uint16_t index, std::uint8_t type);
  // Writes an instance's head; true: the definition has to be written now.
  bool begin_instance(const std::string& key, std::size_t& definition);
  void end_definition(std::size_t definition);

  void u8(unsigned v) { chunk_.push_back(static_cast<std::uint8_t>(v)); }
  void u16(unsigned v);
  void u32(std::uint64_t v);
  void u64(std::uint64_t v);
  void put(const ByteVector& bytes);
  void patch_u32(std::size_t at, std::size_t v);

  Undo undo_;
  ByteVector done_;   // finished chunks
  ByteVector chunk_;  // the current one, without the free space behind it
  std::map<std::string, std::uint32_t, std::less<>> names_;
  std::map<std::string, std::uint32_t, std::less<>> templates_;
  std::vector<std::size_t> record_offsets_;
  std::size_t last_record_at_ = 0;
  std::uint64_t first_in_chunk_ = 0;  // record id; 0: the chunk holds none
  std::uint64_t last_id_ = 0;
};

// Computes all checksums of the file anew, so that other damage is not hidden behind theirs.
void reseal(ByteVector& file);

}  // namespace blockwatch::testing
