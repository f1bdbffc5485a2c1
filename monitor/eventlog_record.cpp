#include "monitor/eventlog_record.h"

#include <algorithm>
#include <array>

#include "monitor/eventlog_query.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::string_view kDataBegin = "Event/EventData/Data[@Name='";

// The first ones are those of the System section, in the order of `read`.
constexpr std::size_t kSystemValues = 7;
constexpr auto kPaths = std::to_array<std::string_view>({
    "Event/System/Provider/@Name",
    "Event/System/EventID",
    "Event/System/Version",
    "Event/System/TimeCreated/@SystemTime",
    "Event/System/EventRecordID",
    "Event/System/Channel",
    "Event/System/Computer",
    // 5031, 5150-5159: every name of the templates of Windows Vista to 11, in their order.
    "Event/EventData/Data[@Name='Profiles']",
    "Event/EventData/Data[@Name='ProcessID']",
    "Event/EventData/Data[@Name='ProcessId']",
    "Event/EventData/Data[@Name='Application']",
    "Event/EventData/Data[@Name='Direction']",
    "Event/EventData/Data[@Name='SourceAddress']",
    "Event/EventData/Data[@Name='SourcePort']",
    "Event/EventData/Data[@Name='DestAddress']",
    "Event/EventData/Data[@Name='DestPort']",
    "Event/EventData/Data[@Name='Protocol']",
    "Event/EventData/Data[@Name='EtherType']",
    "Event/EventData/Data[@Name='EncapMethod']",
    "Event/EventData/Data[@Name='SnapControl']",
    "Event/EventData/Data[@Name='SnapOui']",
    "Event/EventData/Data[@Name='MediaType']",
    "Event/EventData/Data[@Name='InterfaceType']",
    "Event/EventData/Data[@Name='VlanTag']",
    "Event/EventData/Data[@Name='InterfaceIndex']",
    "Event/EventData/Data[@Name='FilterOrigin']",
    "Event/EventData/Data[@Name='FilterRTID']",
    "Event/EventData/Data[@Name='LayerName']",
    "Event/EventData/Data[@Name='LayerRTID']",
    "Event/EventData/Data[@Name='RemoteUserID']",
    "Event/EventData/Data[@Name='RemoteMachineID']",
    "Event/EventData/Data[@Name='OriginalProfile']",
    "Event/EventData/Data[@Name='CurrentProfile']",
    "Event/EventData/Data[@Name='IsLoopback']",
    "Event/EventData/Data[@Name='HasRemoteDynamicKeywordAddress']",
    // 5441 and 5447, as far as they name filters
    "Event/EventData/Data[@Name='ProviderKey']",
    "Event/EventData/Data[@Name='ProviderName']",
    "Event/EventData/Data[@Name='ChangeType']",
    "Event/EventData/Data[@Name='FilterName']",
    "Event/EventData/Data[@Name='FilterId']",
    "Event/EventData/Data[@Name='LayerId']",
    // 4719
    "Event/EventData/Data[@Name='SubjectUserName']",
    "Event/EventData/Data[@Name='SubjectDomainName']",
    "Event/EventData/Data[@Name='SubcategoryGuid']",
    "Event/EventData/Data[@Name='AuditPolicyChanges']",
    // 1102
    "Event/UserData/LogFileCleared/SubjectUserName",
    "Event/UserData/LogFileCleared/SubjectDomainName",
});

// "ProcessID" of "Event/EventData/Data[@Name='ProcessID']", "SubjectUserName" of the last ones.
constexpr std::string_view name_of(std::string_view path) {
  if (!path.starts_with(kDataBegin)) return path.substr(path.rfind('/') + 1);
  path.remove_prefix(kDataBegin.size());
  return path.substr(0, path.find('\''));
}

struct Name {
  std::string_view name;
  winlog::FieldRole role;
};

const std::array<Name, kPaths.size()>& names() {
  static const auto kNames = [] {
    std::array<Name, kPaths.size()> all;
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = {name_of(kPaths[i]), winlog::role_of(name_of(kPaths[i]))};
    }
    return all;
  }();
  return kNames;
}

// The subcategories that decide about our events; none for any other.
std::string_view subcategory(std::string_view guid) {
  if (equal_ignoring_case(guid, "{0cce9225-69ae-11d9-bed3-505054503030}")) {
    return "Filtering Platform Packet Drop";
  }
  if (equal_ignoring_case(guid, "{0cce9226-69ae-11d9-bed3-505054503030}")) {
    return "Filtering Platform Connection";
  }
  return {};
}

// "%%8448, %%8451" in words.
std::string changes_in_words(std::string_view codes) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kWords{{
      {"%%8448", "success removed"},
      {"%%8449", "success added"},
      {"%%8450", "failure removed"},
      {"%%8451", "failure added"},
  }};
  std::string text;
  for (const auto& [code, word] : kWords) {
    if (codes.find(code) == std::string_view::npos) continue;
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text.empty() ? std::string(codes) : text;
}

}  // namespace

std::span<const std::string_view> eventlog_paths() { return kPaths; }

std::optional<std::string> EventLogRecord::read(std::span<const evtx::Value> values) {
  record_.clear();
  if (values.size() != kPaths.size()) return "another number of values than was asked for";
  const auto event_id = evtx::unsigned_value(values[1]);
  const auto version = evtx::unsigned_value(values[2]);
  const auto filetime = evtx::to_filetime(values[3]);
  const auto record_id = evtx::unsigned_value(values[4]);
  if (!event_id || *event_id > UINT16_MAX || !filetime || !record_id) {
    return "a record without a readable id, number or time";
  }
  time_ = from_filetime(*filetime);
  std::size_t room = 0;
  for (const evtx::Value& value : values) room += evtx::max_text_size(value);
  if (text_.size() < room) text_.resize(room);
  char* out = text_.data();
  const auto text_of = [&out](const evtx::Value& value) {
    const char* const begin = out;
    out = evtx::render(value, out);
    return std::string_view(begin, static_cast<std::size_t>(out - begin));
  };
  record_.provider = text_of(values[0]);
  record_.event_id = static_cast<std::uint32_t>(*event_id);
  if (version) record_.version = static_cast<std::uint8_t>(*version);
  record_.time = text_of(values[3]);
  record_.record_id = record_id;
  record_.channel = text_of(values[5]);
  record_.host = text_of(values[6]);
  for (std::size_t i = kSystemValues; i < values.size(); ++i) {
    if (values[i].is(evtx::ValueType::kNull)) continue;
    record_.add(names()[i].name, text_of(values[i]), names()[i].role);
  }
  return std::nullopt;
}

std::string_view EventLogRecord::value_of(std::string_view name) const {
  for (const RawField& field : record_.data) {
    if (field.name == name) return field.value;
  }
  return {};
}

std::string EventLogRecord::who() const {
  const std::string user(value_of("SubjectUserName"));
  const std::string domain(value_of("SubjectDomainName"));
  if (user.empty()) return "by an unknown user";
  return "by " + (domain.empty() ? user : domain + '\\' + user);
}

std::optional<CoverageFact> EventLogRecord::fact() const {
  const auto told = [this](CoverageKind kind, std::string detail) {
    return CoverageFact{.kind = kind, .start = time_, .end = time_, .detail = std::move(detail)};
  };
  const auto lasts = [&told](CoverageKind kind, std::string detail) {
    CoverageFact fact = told(kind, std::move(detail));
    fact.end.reset();
    return fact;
  };
  if (record_.event_id == companion::kAuditChanged) {
    const std::string_view name = subcategory(value_of("SubcategoryGuid"));
    if (name.empty() || !winlog::is_wanted_provider(record_.provider)) return std::nullopt;
    return told(
        CoverageKind::kAuditChanged,
        std::string(name) + ": " + changes_in_words(value_of("AuditPolicyChanges")) + ' ' + who());
  }
  if (!equal_ignoring_case(record_.provider, kEventLogProvider)) return std::nullopt;
  switch (record_.event_id) {
    case companion::kLoggingStopped:
      return lasts(CoverageKind::kLoggingStopped, "the event log service was shut down");
    case companion::kLogFull:
      return lasts(CoverageKind::kLogFull, "the Security log was full");
    case companion::kLogCleared:
      return told(CoverageKind::kLogCleared, "the Security log was cleared " + who());
    case companion::kDroppedByTransport:
      return told(CoverageKind::kRecordsDropped, "audit events were dropped by the transport");
    case companion::kDroppedByService:
      return told(CoverageKind::kRecordsDropped, "events were dropped by the event log service");
    case companion::kIncomingFailed:
    case companion::kProcessingFailed:
      return told(CoverageKind::kRecordsDropped,
                  "the event log service failed to process an incoming event");
    default:
      return std::nullopt;
  }
}

}  // namespace blockwatch
