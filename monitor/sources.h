#pragma once
// The list of sources: what `--source` can name.

#include <memory>
#include <string>
#include <string_view>

#include "monitor/event_source.h"
#include "storage/words.h"

namespace blockwatch {

// One line per kind, for --help and for errors.
inline constexpr std::string_view kSourceKinds =
    "auto (windows on Windows, else none), windows (the live Security log), "
    "netevent (drops that Windows tells without auditing, without process ids), evtx:FILE (import, "
    "then follow growth), dir:FOLDER (every event file that appears), "
    "stdin:jsonl, stdin:xml, none";

// kInvalidArgument names what was expected. `none` gives a null pointer, and so does `auto` where
// there is no live log.
Result<std::unique_ptr<EventSource>> make_source(const std::string& spec, ActionSet record);

// windows. Follows the live Security log. kUnsupported elsewhere.
Result<std::unique_ptr<EventSource>> make_windows_source(ActionSet record);

// netevent. Listens to the filtering engine. kUnsupported elsewhere.
Result<std::unique_ptr<EventSource>> make_netevent_source(ActionSet record);

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
