#include "server/self_test/round_trip.h"

#include <chrono>
#include <filesystem>
#include <future>

#include "server/reader_pool.h"
#include "server/stream_frames.h"
#include "storage/event_writer.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kLimit{10};

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class ScratchFolder {
 public:
  ScratchFolder() {
    std::error_code error;
    const auto parent = std::filesystem::temp_directory_path(error);
    path_ = parent /
            ("blockwatch-self-test-" + std::to_string(Clock::now().time_since_epoch().count()));
    made_ = !error && std::filesystem::create_directory(path_, error);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (made_) std::filesystem::remove_all(path_, ignored);
  }
  bool made() const { return made_; }
  std::string file() const { return to_utf8(path_ / "self-test.db"); }

 private:
  std::filesystem::path path_;
  bool made_ = false;
};

}  // namespace

EventList sample_block() {
  EventList list;
  Event event;
  event.time = now();
  event.source = "self-test";
  event.host = "self-test";
  event.channel = "Security";
  event.record_id = 1;
  event.event_id = 5157;
  event.direction = Direction::kOutbound;
  event.protocol = 6;
  list.events.push_back(event);
  return list;
}

Checks check_round_trip(const EventList& list) {
  const ScratchFolder folder;
  if (!folder.made()) {
    return {failed_check("stored", {ErrorCode::kIo, "no folder for temporary files can be made"})};
  }
  auto store = Store::open({.path = folder.file()});
  if (!store) return {failed_check("stored", store.error())};

  CommitSignal commits;
  std::promise<AppendResult> done;
  auto stored = done.get_future();
  EventWriter writer(std::move(*store), commits, {});
  EventBatch batch{.source = "self-test"};
  for (const Event& event : list.events) {
    batch.list.events.push_back(copy_event(event, batch.list.text));
  }
  const auto start = Clock::now();
  writer.push(std::move(batch), [&done](const AppendResult& r) { done.set_value(r); }, {});
  if (stored.wait_for(kLimit) != std::future_status::ready) {
    const std::string why = writer.counters().last_error;
    writer.stop(0);
    return {failed_check("stored", {ErrorCode::kIo, "nothing could be stored: " + why})};
  }
  if (stored.get().stored != list.events.size()) {
    return {failed_check("stored", {ErrorCode::kInternal, "the event was not stored"})};
  }
  Checks checks{{"stored", Verdict::kOk, "in a scratch file", {}, ms_since(start)}};

  // What a stream does when it hears of a commit.
  const auto streaming = Clock::now();
  ReaderPool readers(folder.file());
  const std::uint64_t newest = commits.wait_newer(0, kLimit);
  auto reader = readers.borrow();
  if (!reader) return {checks[0], failed_check("streamed", reader.error())};
  const auto piece = read_piece(**reader, StreamQuestion{}, 0);
  if (!piece) return {checks[0], failed_check("streamed", piece.error())};
  if (piece->through != newest || !piece->chunk) {
    return {checks[0],
            failed_check("streamed", {ErrorCode::kInternal, "the stream does not show it"})};
  }
  checks.push_back({"streamed", Verdict::kOk, "up to the network", {}, ms_since(streaming)});
  return checks;
}

}  // namespace blockwatch
