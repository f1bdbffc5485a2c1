#pragma once
// Chunks to events: walks the records, passes over what is not wanted, makes events of the rest.

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/evtx/chunk.h"
#include "monitor/evtx/filter_evidence.h"
#include "monitor/evtx/plan_cache.h"
#include "monitor/evtx/record_reader.h"
#include "monitor/evtx/text_cache.h"
#include "monitor/file_report.h"
#include "monitor/winlog/event_maker.h"
#include "storage/event.h"
#include "storage/words.h"

namespace blockwatch::evtx {

// A record whose version tells the Windows generation of its host, seen before the event at
// `before`.
struct Evidence {
  std::size_t before = 0;
  std::string_view host;  // in the events' arena
  std::uint32_t event_id = 0;
  std::uint8_t version = 0;
};

// Events of one or more chunks: sides as the record has them, HostKnowledge has not seen these yet.
struct DecodedEvents {
  EventList list;
  std::vector<Evidence> evidence;
  std::vector<FilterEvidence> filters;  // texts in the events' arena
};

// A list that has this many events when a chunk ends is followed by another one.
inline constexpr std::size_t kFullList = 512;
// The shortest record that can be an event: a template instance without values.
inline constexpr std::uint64_t kShortestEvent = kMinRecordSize + 14;
inline constexpr std::size_t kMaxListEvents = kFullList + kChunkSize / kShortestEvent;

// What a run of neighbouring chunks held.
struct DecodedPiece {
  std::vector<DecodedEvents> events;      // in file order
  FileReport report;                      // wanted is left to the consumer; total_bytes is not set
  std::uint64_t newest_record_id = 0;     // of chunks that passed their checks
  bool any_used = false;                  // a chunk that is, or was, in use
  std::vector<std::uint64_t> never_used;  // offsets of chunks of zeros behind the last used one
};

// What is said of a chunk of zeros that stands before a used one.
inline constexpr const char* kGapNote =
    "chunk: a used chunk expected before another one, found only zeros";

enum class DecodePath : std::uint8_t {
  kPlans,    // plans where templates allow them
  kGeneral,  // every record through RecordReader: slower, the reference for the plans
};

struct DecodeOptions {
  std::string source;
  ActionSet record = kBlocksAndDrops;
  std::uint64_t after_record_id = 0;
  DecodePath path = DecodePath::kPlans;
};

// One thread. The options outlive it.
class ChunkDecoder {
 public:
  explicit ChunkDecoder(const DecodeOptions& options);

  // Begins a piece. `out` and the bytes of its chunks stay in place until the last decode() of it.
  void begin_piece(DecodedPiece& out);
  // A used chunk that need not be read stands here.
  void pass_over_known() { note_gap(); }
  // Adds one whole chunk, which stands at `file_offset`.
  void decode(Bytes chunk, std::uint64_t file_offset);
  // The same for one of which the file holds only the first bytes; the rest of `chunk` is zeros.
  void decode_cut(Bytes chunk, std::uint32_t present, std::uint64_t file_offset);

 private:
  struct Record {
    std::uint32_t at = 0;   // in the chunk
    std::uint32_t end = 0;  // of its fragment
    RecordHeader header;
  };

  void begin_list();
  void forget_texts();
  EventList& list() { return events_->list; }
  void note_gap();
  void begin_chunk(Bytes chunk);
  void walk_records(std::uint64_t file_offset, std::uint32_t free_offset, bool trusted);
  bool is_wanted(std::uint32_t event_id) const {
    return event_id - 5150U < 10 ? (wanted_ids_ >> (event_id - 5150U) & 1U) != 0
                                 : event_id == 5031 && options_.record.has_event_id(5031);
  }
  // Each returns why the record cannot be read, null when there is nothing to complain of.
  const char* read_record(const Record& record);
  const char* read_by_plan(const Record& record, const TemplateInstance& instance, Plan& plan,
                           std::uint16_t event_id);
  const char* add_planned(const winlog::SystemFields& system, Plan& plan, const ValueTable& values,
                          const Record& record);
  bool take_field(const Plan::Field& field, Event& event, std::string_view& text, char*& out);
  const char* read_generally(const Record& record);
  void take_evidence(PlanCache::Entry& entry, const TemplateInstance& instance,
                     const Record& record, std::uint32_t event_id);
  void add_evidence(std::string_view host, std::uint32_t event_id, std::uint8_t version);

  bool is_ours(Value provider);
  const char* complain(Error error);
  void finish_event();

  const DecodeOptions& options_;
  std::uint32_t wanted_ids_ = 0;  // bit n: 5150 + n
  DecodedPiece* out_ = nullptr;
  DecodedEvents* events_ = nullptr;  // the last of out_->events
  std::uint64_t list_number_ = 0;    // of all lists, from 1
  std::string_view source_;          // in the list's arena
  ChunkContext chunk_;
  PlanCache plans_;
  InstanceValues values_;  // of the record being read
  TextCache texts_;        // of the list
  RecentText host_;        // of the list
  RecentText channel_;     // of the list
  Value our_provider_;     // a name that is ours; of the list, too

  winlog::EventMaker maker_;
  RecordReader general_;
  std::vector<winlog::FieldRole> roles_;
  std::string problem_;
};

}  // namespace blockwatch::evtx
