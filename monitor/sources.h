#pragma once
// The list of sources: what `--source` can name.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "monitor/audit_policy.h"
#include "monitor/event_source.h"
#include "monitor/netfilter/drop_watch.h"
#include "storage/words.h"

namespace blockwatch {

// One line per kind, for --help and for errors.
inline constexpr std::string_view kSourceKinds =
    "auto (windows on Windows, nflog:8470 on Linux), windows (the live Security log), "
    "netevent (drops that Windows tells without auditing, without process ids), "
    "nflog:GROUP (packets that Linux' firewall rules log to this group), evtx:FILE (import, "
    "then follow growth), dir:FOLDER (every event file that appears), "
    "stdin:jsonl, stdin:xml, none";

// kInvalidArgument names what was expected. `none` gives a null pointer. `auto` fails with what is
// in the way where there is no live source: kUnsupported, kPermission or kConflict. `policy` is for
// sources that decide themselves what is audited, `drops`, which may be null, for those of packets.
Result<std::unique_ptr<EventSource>> make_source(const std::string& spec, ActionSet record,
                                                 const AuditPolicyFn& policy = {},
                                                 const std::shared_ptr<DropWatch>& drops = {});

// windows. Follows the live Security log. kUnsupported elsewhere.
Result<std::unique_ptr<EventSource>> make_windows_source(ActionSet record);

// netevent. Listens to the filtering engine. kUnsupported elsewhere.
Result<std::unique_ptr<EventSource>> make_netevent_source(ActionSet record);

// nflog:GROUP. Listens to a group of netfilter's. kUnsupported elsewhere.
Result<std::unique_ptr<EventSource>> make_nflog_source(std::uint16_t group, ActionSet record,
                                                       const AuditPolicyFn& policy,
                                                       const std::shared_ptr<DropWatch>& drops);

// evtx:FILE. Reads FILE, then whatever is added to it. The position is how the file was when it was
// read to its end.
std::unique_ptr<EventSource> make_evtx_source(const std::string& path, ActionSet record);

// dir:FOLDER. Reads every event file in FOLDER (not below it) once it has stopped changing, and
// again when it has changed since. Positions are kept per file, under the file's own source.
std::unique_ptr<EventSource> make_dir_source(const std::string& folder, ActionSet record);

// stdin:KIND with kind "jsonl" or "xml". Ends with its input; has no position.
std::unique_ptr<EventSource> make_stdin_source(const std::string& kind, ActionSet record);

// demo:FILE. Replays the records of an event log for ever, a few a second, with the present time
// and the source "demo", so that a new user has something to see.
std::unique_ptr<EventSource> make_demo_source(std::string path, ActionSet record);

}  // namespace blockwatch
