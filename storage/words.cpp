#include "storage/words.h"

#include <algorithm>
#include <utility>

namespace blockwatch {
namespace {

using std::string_view;

constexpr std::array<string_view, 3> kActionWords{"block", "drop", "permit"};
constexpr std::array<string_view, 5> kScopeWords{"connection", "listen", "bind", "packet",
                                                 "application"};
constexpr std::array<string_view, 3> kDirectionWords{"inbound", "outbound", "forward"};
constexpr std::array<string_view, 11> kReasonWords{
    "rule",      "default-inbound", "default-outbound",  "no-listener", "query-user", "quarantine",
    "boot-time", "app-container",   "service-hardening", "third-party", "unknown"};
constexpr std::array<string_view, 12> kCoverageWords{
    "records-missing", "log-cleared",     "log-full",      "logging-stopped",
    "records-dropped", "records-damaged", "audit-changed", "source-down",
    "service-down",    "auditing-off",    "rows-deleted",  "store-set-aside"};

struct Meaning {
  std::uint16_t event_id;
  Action action;
  Scope scope;
};

constexpr std::array<Meaning, 11> kMeanings{{
    {5031, Action::kBlock, Scope::kApplication},
    {5150, Action::kDrop, Scope::kPacket},
    {5151, Action::kDrop, Scope::kPacket},
    {5152, Action::kDrop, Scope::kPacket},
    {5153, Action::kDrop, Scope::kPacket},
    {5154, Action::kPermit, Scope::kListen},
    {5155, Action::kBlock, Scope::kListen},
    {5156, Action::kPermit, Scope::kConnection},
    {5157, Action::kBlock, Scope::kConnection},
    {5158, Action::kPermit, Scope::kBind},
    {5159, Action::kBlock, Scope::kBind},
}};

// 5031 first, then 5150.. in order, as kEventIds.
const Meaning& meaning_of(std::uint16_t event_id) {
  return kMeanings[event_id == 5031 ? 0U : event_id - 5149U];
}

// IANA "Protocol Numbers": the ones that occur in these events or on common networks.
constexpr std::array<std::pair<std::uint8_t, string_view>, 21> kProtocols{{
    {0, "hopopt"}, {1, "icmp"},   {2, "igmp"},   {3, "ggp"},        {4, "ipv4"},   {6, "tcp"},
    {8, "egp"},    {17, "udp"},   {27, "rdp"},   {33, "dccp"},      {41, "ipv6"},  {46, "rsvp"},
    {47, "gre"},   {50, "esp"},   {51, "ah"},    {58, "ipv6-icmp"}, {88, "eigrp"}, {89, "ospfigp"},
    {103, "pim"},  {112, "vrrp"}, {132, "sctp"},
}};

}  // namespace

Action action_of(std::uint16_t event_id) noexcept { return meaning_of(event_id).action; }
Scope scope_of(std::uint16_t event_id) noexcept { return meaning_of(event_id).scope; }

template <>
std::span<const string_view> words<Action>() noexcept {
  return kActionWords;
}
template <>
std::span<const string_view> words<Scope>() noexcept {
  return kScopeWords;
}
template <>
std::span<const string_view> words<Direction>() noexcept {
  return kDirectionWords;
}
template <>
std::span<const string_view> words<Reason>() noexcept {
  return kReasonWords;
}
template <>
std::span<const string_view> words<CoverageKind>() noexcept {
  return kCoverageWords;
}

string_view to_word(Action a) noexcept { return kActionWords[static_cast<std::size_t>(a)]; }
string_view to_word(Scope s) noexcept { return kScopeWords[static_cast<std::size_t>(s)]; }
string_view to_word(Direction d) noexcept { return kDirectionWords[static_cast<std::size_t>(d)]; }
string_view to_word(Reason r) noexcept { return kReasonWords[static_cast<std::size_t>(r)]; }
string_view to_word(CoverageKind k) noexcept { return kCoverageWords[static_cast<std::size_t>(k)]; }

template <class Enum>
std::optional<Enum> from_word(string_view word) noexcept {
  const auto all = words<Enum>();
  const auto it = std::find(all.begin(), all.end(), word);
  if (it == all.end()) return std::nullopt;
  return static_cast<Enum>(it - all.begin());
}
template std::optional<Action> from_word<Action>(string_view) noexcept;
template std::optional<Scope> from_word<Scope>(string_view) noexcept;
template std::optional<Direction> from_word<Direction>(string_view) noexcept;
template std::optional<Reason> from_word<Reason>(string_view) noexcept;
template std::optional<CoverageKind> from_word<CoverageKind>(string_view) noexcept;

string_view protocol_name(std::uint8_t protocol) noexcept {
  const auto it = std::find_if(kProtocols.begin(), kProtocols.end(),
                               [&](const auto& p) { return p.first == protocol; });
  return it == kProtocols.end() ? string_view{} : it->second;
}

std::optional<std::uint8_t> protocol_number(string_view name) noexcept {
  const auto it = std::find_if(kProtocols.begin(), kProtocols.end(),
                               [&](const auto& p) { return p.second == name; });
  if (it == kProtocols.end()) return std::nullopt;
  return it->first;
}

bool equal_ignoring_case(string_view a, string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return ascii_lower(x) == ascii_lower(y);
         });
}

bool contains_ignoring_case(string_view text, string_view part) noexcept {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char x, char y) { return ascii_lower(x) == ascii_lower(y); }) != text.end();
}

std::string ascii_lowered(string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
  return out;
}

std::string application_name(string_view application) {
  const std::size_t slash = application.find_last_of("\\/");
  return ascii_lowered(slash == string_view::npos ? application : application.substr(slash + 1));
}

bool ActionSet::has_event_id(std::uint32_t id) const noexcept {
  return is_event_id(id) && has(action_of(static_cast<std::uint16_t>(id)));
}

}  // namespace blockwatch
