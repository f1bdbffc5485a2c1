#pragma once
// The vocabulary all modules share: what an event is. Fields and words are those of the API
// contract; the meaning of the Windows ids is Microsoft's ("Audit Filtering Platform ..." pages).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/coverage.h"
#include "storage/ip_address.h"
#include "storage/text_arena.h"
#include "storage/timestamp.h"

namespace blockwatch {

enum class Action : std::uint8_t { kBlock, kDrop, kPermit };
enum class Scope : std::uint8_t { kConnection, kListen, kBind, kPacket, kApplication };
enum class Direction : std::uint8_t { kInbound, kOutbound, kForward };

// Why the packet or connection was stopped, as far as the record tells.
enum class Reason : std::uint8_t {
  kRule,              // a firewall rule, named or by its id
  kDefaultInbound,    // no inbound rule matched
  kDefaultOutbound,   // outbound is blocked unless allowed
  kNoListener,        // stealth: nothing listens there (no process, transport discard layers)
  kQueryUser,         // "Query User Default": an inbound rule would be asked for
  kQuarantine,        // interface not yet classified after a network change
  kBootTime,          // before the firewall service started
  kAppContainer,      // AppContainer (UWP) isolation or loopback
  kServiceHardening,  // Windows Service Hardening
  kThirdParty,        // a filter that is not the firewall's
  kUnknown,
};

// An EventData name and value exactly as recorded, as UTF-8.
struct RawField {
  std::string_view name;
  std::string_view value;
};

// One event. A plain value that is made once, stored once and never changed. Text and `raw` point
// into the TextArena of the EventList that holds the event, or into static storage; empty text
// means the field is absent (null in JSON).
struct Event {
  std::uint64_t seq = 0;  // set by the store: rises in commit order from 1, never reused; the id
  Timestamp time;
  Timestamp received_time;   // set by the store
  std::string_view source;   // "evtx:NAME", "windows:Security", ...
  std::string_view host;     // the event's computer name
  std::string_view channel;  // lower-cased by nobody: as recorded; compared without case
  std::optional<std::uint64_t> record_id;  // EventRecordID
  std::uint16_t event_id = 0;              // 5031, 5150-5159
  std::uint8_t event_version = 0;
  std::optional<Direction> direction;
  std::optional<std::uint8_t> protocol;  // IANA number
  std::optional<IpAddress> local_address;
  std::optional<IpAddress> remote_address;
  std::optional<std::uint16_t> local_port;
  std::optional<std::uint16_t> remote_port;
  std::optional<std::uint8_t> icmp_type;
  std::optional<std::uint8_t> icmp_code;
  std::optional<std::uint64_t> process_id;
  std::string_view application;  // drive path when it can be mapped, else as recorded
  std::string_view user;         // RemoteUserID when it is not the null SID
  std::optional<std::uint64_t> filter_id;
  std::string_view filter_name;
  std::string_view filter_origin;
  std::optional<std::uint64_t> layer_id;
  std::string_view layer;  // "receive-accept", "connect", ... (words.h), else the recorded code
  std::optional<std::uint32_t> interface_index;
  Reason reason = Reason::kUnknown;
  std::span<const RawField> raw;
};

// Events together with the memory they point into. Movable; the views stay valid.
struct EventList {
  std::vector<Event> events;
  TextArena text;
};

// The same event with all its text in `text`.
Event copy_event(const Event& event, TextArena& text);

// What a source hands over: committed with its position in one transaction, or not at all.
struct EventBatch {
  // The source's name, also each event's `source`. Empty: facts of the program itself, about all
  // sources; then there is nothing else.
  std::string source;
  EventList list;
  std::string position;       // opaque to all but the source; empty: leave the stored one as it is
  std::uint64_t epoch = 0;    // EventWriter::epoch() when the source asked where to go on
  std::uint64_t lost = 0;     // records the source knows it could not deliver since its last batch
  std::uint64_t damaged = 0;  // records it had to skip since its last batch
  std::vector<CoverageFact> facts;  // in order; they come before the batch's events
};

}  // namespace blockwatch
