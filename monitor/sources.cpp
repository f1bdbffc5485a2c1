#include "monitor/sources.h"

#include "monitor/eventlog_source.h"
#include "monitor/netevent_source.h"

namespace blockwatch {

std::string_view to_word(SourceState state) noexcept {
  switch (state) {
    case SourceState::kStarting:
      return "starting";
    case SourceState::kImporting:
      return "importing";
    case SourceState::kFollowing:
      return "following";
    case SourceState::kFinished:
      return "finished";
    case SourceState::kFailed:
      return "failed";
  }
  return {};
}

Result<std::unique_ptr<EventSource>> make_source(const std::string& spec, ActionSet record) {
  const std::size_t colon = spec.find(':');
  const std::string kind = spec.substr(0, colon);
  const std::string value = colon == std::string::npos ? std::string{} : spec.substr(colon + 1);
  if (spec == "none") return std::unique_ptr<EventSource>{};
  if (spec == "windows") return make_windows_source(record);
  if (spec == "netevent") return make_netevent_source(record);
  if (spec == "auto") {
    auto source = make_windows_source(record);
    if (!source && source.error().code == ErrorCode::kUnsupported) return nullptr;
    return source;
  }
  if (!value.empty()) {
    if (kind == "evtx") return make_evtx_source(value, record);
    if (kind == "dir") return make_dir_source(value, record);
    if (kind == "demo") return make_demo_source(value, record);
    if (kind == "stdin" && (value == "jsonl" || value == "xml"))
      return make_stdin_source(value, record);
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "source \"" + spec + "\": expected " + std::string(kSourceKinds));
}

Result<std::unique_ptr<EventSource>> make_windows_source(ActionSet record) {
  auto api = open_event_log();
  if (!api) return tl::unexpected(api.error());
  return make_eventlog_source(std::move(*api), {.record = record}, system_names());
}

Result<std::unique_ptr<EventSource>> make_netevent_source(ActionSet record) {
  auto api = open_net_events();
  if (!api) return tl::unexpected(api.error());
  return make_netevent_source(std::move(*api), {.record = record}, system_names());
}

}  // namespace blockwatch
