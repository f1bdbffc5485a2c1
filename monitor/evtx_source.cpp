// evtx:FILE - import a log, then follow its growth.

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "monitor/event_file.h"
#include "monitor/file_position.h"
#include "monitor/sources.h"
#include "monitor/wait.h"

namespace blockwatch {
namespace {

// The event log service writes its pages every few seconds at most; a look costs one stat call.
constexpr std::chrono::milliseconds kFileInterval{250};

class EvtxSource final : public EventSource {
 public:
  EvtxSource(const std::string& path, ActionSet record)
      : path_(absolute_path(path)),
        name_("evtx:" + path.substr(path.find_last_of("/\\") + 1)),
        record_(record) {}

  const std::string& name() const override { return name_; }
  void forget() override {
    damage_seen_.clear();
    unnoted_seen_ = 0;
  }

  Result<void> run(const PositionFn& position_of, const BatchFn& emit, SourceReport& report,
                   std::stop_token stop) override {
    auto stored = position_of(name_);
    if (!stored) return tl::unexpected(stored.error());
    FilePosition position = parse_file_position(*stored).value_or(FilePosition{});
    if (position.path != path_) position = FilePosition{.path = path_};

    report.set_state(SourceState::kImporting);
    while (!stop.stop_requested()) {
      const auto state = file_state(path_);
      if (!state) return make_error(ErrorCode::kNotFound, "the file cannot be read");
      const auto start = std::chrono::steady_clock::now();
      if (*state != position.state) {
        if (auto done = read_all(position, *state, emit, report, stop); !done) return done;
      }
      report.set_state(SourceState::kFollowing);
      // A large log is looked at less often, so that reading it again costs a tenth of a core.
      const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - start);
      if (!wait_for(stop, std::max(kFileInterval, 10 * took))) break;
    }
    return {};
  }

 private:
  // Reads the whole log: record numbers do not tell what is new. Exports count anew, a log that has
  // wrapped holds its newest records before older ones, and a copy may not be complete yet. The
  // store recognises what it has. Batches carry no position until the end was seen.
  Result<void> read_all(FilePosition& position, const FileState& state, const BatchFn& emit,
                        SourceReport& report, std::stop_token stop) {
    auto file = EventFile::open(path_);
    if (!file) return tl::unexpected(file.error());
    if (file->format() != EventFormat::kEvtx) {
      return make_error(ErrorCode::kInvalidArgument, "is not an EVTX file");
    }
    ReadOptions options;
    options.record = record_;
    options.stop = stop;
    FileReport file_report;
    const auto hand_on = [&](EventList&& list) {
      return emit(EventBatch{.source = name_, .list = std::move(list)});
    };
    const auto end = file->read(options, hand_on, file_report);
    if (!end) return tl::unexpected(end.error());
    if (stop.stop_requested()) return {};
    position.record_id = end->newest_record_id;
    position.state = state;
    // What has no note has no offset to be recognised by: only more of it is new.
    const std::uint64_t unnoted = file_report.damaged - file_report.damage.size();
    std::uint64_t damaged = unnoted > unnoted_seen_ ? unnoted - unnoted_seen_ : 0;
    unnoted_seen_ = std::max(unnoted_seen_, unnoted);
    for (const Damage& d : file_report.damage) {
      // The page being written looks damaged until it is complete, and is looked at every time.
      if (damage_seen_.insert(d.offset).second) {
        ++damaged;
        report.set_error("offset " + std::to_string(d.offset) + ": " + d.what);
      }
    }
    emit(EventBatch{.source = name_, .position = to_text(position), .damaged = damaged});
    return {};
  }

  const std::string path_;
  const std::string name_;
  const ActionSet record_;
  std::set<std::uint64_t> damage_seen_;  // offsets already counted
  std::uint64_t unnoted_seen_ = 0;       // damage beyond the notes already counted
};

}  // namespace

std::unique_ptr<EventSource> make_evtx_source(const std::string& path, ActionSet record) {
  return std::make_unique<EvtxSource>(path, record);
}

}  // namespace blockwatch
