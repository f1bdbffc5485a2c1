#include "monitor/sources.h"

#include <charconv>
#include <optional>

#include "monitor/eventlog_source.h"
#include "monitor/netevent_source.h"
#include "monitor/netfilter/nflog_source.h"

namespace blockwatch {
namespace {

std::optional<std::uint16_t> parse_group(std::string_view text) {
  std::uint16_t group = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), group);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return group;
}

// The live source of this system, if it can be used at present.
Result<std::unique_ptr<EventSource>> make_auto_source(ActionSet record, const AuditPolicyFn& policy,
                                                      const std::shared_ptr<DropWatch>& drops) {
  auto windows = make_windows_source(record);
  if (windows || windows.error().code != ErrorCode::kUnsupported) return windows;
  auto api = open_nflog();
  if (!api) {
    return make_error(ErrorCode::kUnsupported, "this system has no live source that is known");
  }
  if (const auto tried = (*api)->open(kNflogGroup); !tried) return tl::unexpected(tried.error());
  return make_nflog_source(kNflogGroup, record, policy, drops);
}

}  // namespace

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

Result<std::unique_ptr<EventSource>> make_source(const std::string& spec, ActionSet record,
                                                 const AuditPolicyFn& policy,
                                                 const std::shared_ptr<DropWatch>& drops) {
  const std::size_t colon = spec.find(':');
  const std::string kind = spec.substr(0, colon);
  const std::string value = colon == std::string::npos ? std::string{} : spec.substr(colon + 1);
  if (spec == "none") return std::unique_ptr<EventSource>{};
  if (spec == "windows") return make_windows_source(record);
  if (spec == "netevent") return make_netevent_source(record);
  if (spec == "auto") return make_auto_source(record, policy, drops);
  if (!value.empty()) {
    const auto group = parse_group(value);
    if (kind == "nflog" && group) return make_nflog_source(*group, record, policy, drops);
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

Result<std::unique_ptr<EventSource>> make_nflog_source(std::uint16_t group, ActionSet record,
                                                       const AuditPolicyFn& policy,
                                                       const std::shared_ptr<DropWatch>& drops) {
  auto api = open_nflog();
  if (!api) return tl::unexpected(api.error());
  return make_nflog_source(std::move(*api),
                           {.group = group, .record = record, .drops = drops, .policy = policy});
}

}  // namespace blockwatch
