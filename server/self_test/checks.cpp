#include "server/self_test/checks.h"

#include <algorithm>
#include <array>
#include <map>

#include "storage/words.h"

namespace blockwatch {
namespace {

std::string mebibytes(std::uint64_t bytes) {
  constexpr double kMiB = 1024.0 * 1024.0;
  const auto tenths = static_cast<std::uint64_t>(static_cast<double>(bytes) / kMiB * 10);
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " MiB";
}

void add_word(std::string& list, const std::string& word) {
  if (!list.empty()) list += ", ";
  list += word;
}

std::optional<IpAddress> raw_address(const Event& event, std::string_view name) {
  for (const RawField& field : event.raw) {
    if (equal_ignoring_case(field.name, name)) return parse_ip_address(field.value);
  }
  return std::nullopt;
}

}  // namespace

Check check_rights(const HostFacts& facts, const std::string& user) {
  Check check{.name = "rights", .found = "account " + user};
  if (!facts.rights) {
    check.found += "; rights over event log, policy and filters are for Windows only";
    return check;
  }
  const AccountRights& rights = *facts.rights;
  check.found += rights.elevated ? ", administrator" : ", not an administrator";
  if (rights.event_log_reader) check.found += ", in Event Log Readers";
  if (rights.network_operator) check.found += ", in Network Configuration Operators";
  check.found +=
      rights.has_security_privilege ? ", holds SeSecurityPrivilege" : ", lacks SeSecurityPrivilege";
  if (!rights.elevated && !rights.event_log_reader && !rights.has_security_privilege) {
    check.verdict = Verdict::kFailed;
    check.advice =
        "the Security log cannot be read: run as administrator, install the service, or add the "
        "account to Event Log Readers and log on again";
  } else if (!rights.has_security_privilege) {
    check.verdict = Verdict::kWarning;
    check.advice = "the log can be read, the audit policy not changed: that takes an administrator";
  }
  return check;
}

Check check_channel(const LogResult<LogInfo>& info) {
  if (!info) return failed_check("channel", log_failure("open the Security log", info.error()));
  if (info->records == 0) {
    return {"channel", Verdict::kWarning, "the Security log can be opened; it holds no records",
            "is anything audited? see policy"};
  }
  return {"channel", Verdict::kOk,
          "the Security log can be opened; records " + std::to_string(info->oldest_record_id) +
              " to " + std::to_string(info->oldest_record_id + info->records - 1)};
}

Check check_log_size(const std::optional<SecurityLog>& log) {
  if (!log || log->max_bytes == 0) {
    return {"log-size", Verdict::kUnknown, "size and limit of the Security log cannot be seen",
            "run as administrator"};
  }
  constexpr std::uint64_t kUsual = std::uint64_t{20} * 1024 * 1024;
  Check check{.name = "log-size",
              .found = mebibytes(log->bytes) + " of " + mebibytes(log->max_bytes) + " (" +
                       std::to_string(log->bytes * 100 / log->max_bytes) +
                       " %); when it is full, "};
  switch (log->when_full) {
    case WhenFull::kOverwrite:
      check.found += "old records are overwritten";
      if (log->max_bytes > kUsual) break;
      check.verdict = Verdict::kWarning;
      check.advice = "on a busy computer that is a few hours: wevtutil sl Security /ms:209715200";
      break;
    case WhenFull::kArchive:
      check.found += "it is archived, and a new one is begun";
      break;
    case WhenFull::kStop:
      check.found += "new records are not written";
      check.verdict = Verdict::kWarning;
      check.advice = "let the log overwrite old records: Event Viewer, Security, Properties";
      break;
  }
  return check;
}

Check check_policy(const Result<AuditPolicy>& policy, std::string_view kind,
                   const std::optional<std::string>& conflict) {
  if (!policy) return failed_check("policy", policy.error());
  const auto fails = [&policy](AuditId id) {
    return policy->at(id).value_or(AuditFlags{}).failure;
  };
  const bool connection = fails(kAuditConnection);
  const bool packet = fails(kAuditPacketDrop);
  Check check{.name = "policy",
              .found = std::string("of ") + (kind == "file" ? "a file" : "Windows") +
                       ": blocked connections are " + (connection ? "" : "not ") +
                       "audited, dropped packets are " + (packet ? "" : "not ") + "audited"};
  if (conflict) check.found += "; changes would not last: " + *conflict;
  if (kind == "file") {
    check.found += "; on this system only nflog: depends on it";
  } else if (!connection && !packet) {
    check.verdict = Verdict::kFailed;
    check.advice = "nothing will be recorded: blockwatchd audit set --preset connections";
  } else if (!connection) {
    check.verdict = Verdict::kWarning;
    check.advice =
        "packets alone are many and say less: blockwatchd audit set --preset connections";
  } else if (conflict) {
    check.verdict = Verdict::kWarning;
  }
  return check;
}

Check check_shapes(const RecentEvents& recent) {
  if (recent.shapes.empty()) {
    return {"shapes", Verdict::kUnknown, "there is no blocked connection or dropped packet in it",
            "try again later, or with --attempt"};
  }
  // Vista to 11, as far as anybody has seen or published them.
  constexpr auto kKnown =
      std::to_array<std::tuple<std::uint16_t, int, std::size_t>>({{5031, 0, 2},
                                                                  {5150, 0, 11},
                                                                  {5150, 0, 10},
                                                                  {5151, 0, 11},
                                                                  {5151, 0, 10},
                                                                  {5152, 0, 11},
                                                                  {5152, 1, 12},
                                                                  {5153, 0, 11},
                                                                  {5153, 1, 12},
                                                                  {5155, 0, 8},
                                                                  {5157, 0, 11},
                                                                  {5157, 1, 13},
                                                                  {5157, 1, 15},
                                                                  {5157, 2, 18},
                                                                  {5157, 3, 19},
                                                                  {5159, 0, 8}});
  std::string list;
  bool all_known = true;
  for (const auto& [shape, count] : recent.shapes) {
    const auto& [id, version, fields] = shape;
    const bool known =
        std::ranges::find(kKnown, std::tuple(id, int{version}, fields)) != kKnown.end();
    all_known = all_known && known;
    add_word(list, std::to_string(id) + " version " + std::to_string(version) + " with " +
                       std::to_string(fields) + " fields: " + std::to_string(count) +
                       (known ? "" : " (not seen before)"));
  }
  Check check{.name = "shapes", .found = list};
  if (recent.unreadable > 0) {
    check.found += "; " + std::to_string(recent.unreadable) + " records could not be read";
  }
  if (!all_known || recent.unreadable > 0) {
    check.verdict = Verdict::kWarning;
    check.advice = "please send us this report: we have no sample of such records";
  }
  return check;
}

Check check_orientation(const RecentEvents& recent, const std::vector<IpAddress>& own) {
  struct Count {
    std::uint64_t source = 0;
    std::uint64_t dest = 0;
    std::uint64_t neither = 0;  // or both
    std::uint64_t wrong = 0;    // what Blockwatch made of it
  };
  const auto is_own = [&own](const std::optional<IpAddress>& address) {
    return address && std::ranges::find(own, *address) != own.end();
  };
  std::map<std::string, Count> counts;
  std::uint64_t wrong = 0;
  for (const Event& event : recent.list.events) {
    const auto source = raw_address(event, "SourceAddress");
    const auto dest = raw_address(event, "DestAddress");
    if (!event.direction || !source || !dest) continue;
    Count& count =
        counts[std::to_string(event.event_id) + ' ' + std::string(to_word(*event.direction))];
    if (is_own(source) == is_own(dest)) {
      ++count.neither;
      continue;
    }
    ++(is_own(source) ? count.source : count.dest);
    if (!is_own(event.local_address)) ++wrong;
  }
  if (counts.empty()) {
    return {"orientation", Verdict::kUnknown, "no recent event has a direction and two addresses"};
  }
  if (own.empty()) {
    return {"orientation", Verdict::kUnknown, "this computer's addresses cannot be read"};
  }
  std::string list;
  for (const auto& [kind, count] : counts) {
    add_word(list, kind + ": this computer is Source " + std::to_string(count.source) +
                       " times, Dest " + std::to_string(count.dest) + " times, not clear " +
                       std::to_string(count.neither) + " times");
  }
  Check check{.name = "orientation", .found = list};
  if (wrong > 0) {
    check.verdict = Verdict::kWarning;
    check.found += "; taken for the other side " + std::to_string(wrong) + " times";
    check.advice =
        "if this computer's addresses did not change meanwhile, please send us this report: "
        "local and remote side are exchanged";
  }
  return check;
}

Check check_filter_names(const RecentEvents& recent, const std::string& fault) {
  std::map<std::uint64_t, bool> named;
  for (const Event& event : recent.list.events) {
    if (event.filter_id.value_or(0) == 0) continue;
    named[*event.filter_id] = named[*event.filter_id] || !event.filter_name.empty();
  }
  if (!fault.empty()) return {"filter-names", Verdict::kWarning, fault, "run as administrator"};
  if (named.empty()) {
    return {"filter-names", Verdict::kUnknown, "no recent event names a filter"};
  }
  const auto known = static_cast<std::size_t>(
      std::ranges::count_if(named, [](const auto& one) { return one.second; }));
  Check check{.name = "filter-names",
              .found = std::to_string(known) + " of " + std::to_string(named.size()) +
                       " filters of recent events have a name"};
  if (known < named.size()) {
    check.verdict = known == 0 ? Verdict::kWarning : Verdict::kOk;
    check.advice = "filters that are gone since, or from before Windows was started, have none";
  }
  return check;
}

Check check_net_events(const EngineResult<bool>& collecting, const std::vector<NetEvent>& held) {
  if (!collecting) {
    Check check = failed_check("net-events", engine_failure("read net events", collecting.error()));
    check.verdict = Verdict::kWarning;  // a source of its own, which most do not use
    return check;
  }
  if (!*collecting) {
    return {"net-events", Verdict::kWarning, "the filtering engine does not collect them",
            "only --source netevent needs them: netsh wfp set options netevents=on"};
  }
  std::map<std::uint32_t, std::uint64_t> types;
  for (const NetEvent& event : held) ++types[static_cast<std::uint32_t>(event.type)];
  std::string list;
  for (const auto& [type, count] : types) {
    add_word(list, std::to_string(count) + " of type " + std::to_string(type) +
                       (is_drop(static_cast<NetEventType>(type)) ? " (a drop)" : ""));
  }
  return {"net-events", Verdict::kOk,
          "collected; the engine holds " + (held.empty() ? std::string("none") : list)};
}

Check check_senders(const Result<void>& watched) {
  if (watched)
    return {"senders", Verdict::kOk, "the kernel tells who sent a packet that is dropped"};
  return {"senders", Verdict::kOk,
          "of a packet that is dropped, found by its socket while that lives; " +
              watched.error().message};
}

Check check_attempt(const BlockAttempt& attempt) {
  const std::string port = "a connection to 127.0.0.1 port " + std::to_string(attempt.port);
  if (attempt.was_blocked) {
    return {"attempt", Verdict::kOk,
            port + " was blocked by filter " + std::to_string(attempt.filter_id) +
                ", which is gone again"};
  }
  return {"attempt", Verdict::kFailed,
          port + " was answered with Windows error " + std::to_string(attempt.error) +
              " although filter " + std::to_string(attempt.filter_id) + " forbade it",
          "please send us this report"};
}

}  // namespace blockwatch
