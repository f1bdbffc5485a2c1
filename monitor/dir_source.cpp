// dir:FOLDER - every event file that appears in a folder.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "monitor/sources.h"
#include "monitor/wait.h"
#include "monitor/whole_file.h"
#include "storage/file_path.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

// A file is read when two looks in a row saw it the same: whoever copies it in has finished.
constexpr std::chrono::milliseconds kFolderInterval{500};

bool is_event_file_name(const std::string& name) {
  for (const std::string_view ending : {".evtx", ".xml", ".jsonl", ".json", ".ndjson"}) {
    if (name.size() > ending.size() &&
        equal_ignoring_case(std::string_view(name).substr(name.size() - ending.size()), ending)) {
      return true;
    }
  }
  return false;
}

constexpr std::chrono::seconds kLongestChange{10};

bool is_fault_of_bytes(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kUnsupported ||
         code == ErrorCode::kCorrupt;
}

// How a file was at the last look, and since when it has not been still.
struct Look {
  FileState state;
  bool changing = false;
  std::chrono::steady_clock::time_point changing_since;
};

class DirSource final : public EventSource {
 public:
  DirSource(const std::string& folder, ActionSet record)
      : folder_(absolute_path(folder)), name_("dir:" + folder), record_(record) {}

  const std::string& name() const override { return name_; }
  void forget() override { done_.clear(); }

  Result<void> run(const PositionFn& position_of, const BatchFn& emit, SourceReport& report,
                   std::stop_token stop) override {
    std::map<std::string, Look> last_look;
    report.set_state(SourceState::kImporting);
    do {
      auto names = list();
      if (!names) return tl::unexpected(names.error());
      const auto is_gone = [&](const auto& entry) {
        return !std::ranges::binary_search(*names, entry.first);
      };
      std::erase_if(done_, is_gone);
      std::erase_if(last_look, is_gone);
      bool waiting = false;
      for (const std::string& file_name : *names) {
        const std::string path = absolute_path(folder_ + "/" + file_name);
        const auto state = file_state(path);
        if (!state || done_[file_name] == *state) continue;
        if (state->size == 0) continue;  // just made
        auto& look = last_look[file_name];
        const auto time = std::chrono::steady_clock::now();
        if (look.state != *state) {
          if (!look.changing) look.changing_since = time;
          look.state = *state;
          look.changing = true;
          // One that never rests, such as a collector's output, is read now and then.
          if (time - look.changing_since < kLongestChange) {
            waiting = true;
            continue;
          }
        }
        look.changing = false;
        const auto read = read_whole_file(path, *state, record_, position_of, emit, stop);
        if (!read) {
          if (stop.stop_requested()) return {};
          // One bad file must not keep the others out. Bad bytes stay bad until they change; what
          // the system refuses may be allowed at the next look.
          report.set_error(file_name + ": " + read.error().message);
          if (!is_fault_of_bytes(read.error().code)) {
            waiting = true;
            continue;
          }
          emit(EventBatch{.source = name_, .damaged = 1});
        }
        if (stop.stop_requested()) return {};
        done_[file_name] = *state;
      }
      if (!waiting) report.set_state(SourceState::kFollowing);
    } while (wait_for(stop, kFolderInterval));
    return {};
  }

 private:
  // Names in order, so that rotated logs are read oldest first where their names sort by time.
  Result<std::vector<std::string>> list() const {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(to_path(folder_), error), end; !error && it != end;
         it.increment(error)) {
      std::error_code ignored;
      if (!it->is_regular_file(ignored)) continue;
      std::string name = to_utf8(it->path().filename());
      if (is_event_file_name(name)) names.push_back(std::move(name));
    }
    if (error) return make_error(ErrorCode::kIo, "the folder cannot be read: " + error.message());
    std::sort(names.begin(), names.end());
    return names;
  }

  const std::string folder_;
  const std::string name_;
  const ActionSet record_;
  std::map<std::string, FileState> done_;  // by name: as it was when it was read (or refused)
};

}  // namespace

std::unique_ptr<EventSource> make_dir_source(const std::string& folder, ActionSet record) {
  return std::make_unique<DirSource>(folder, record);
}

}  // namespace blockwatch
