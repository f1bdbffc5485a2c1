#include "server/importer.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

namespace blockwatch {
namespace {

// What the writer has committed of one import. Filled on the writer's thread; outlives the import
// because the writer may still hold a batch when an import is stopped.
class Committed {
 public:
  void expect() {
    std::lock_guard lock(mutex_);
    ++open_;
  }

  void done(const AppendResult& result) {
    {
      std::lock_guard lock(mutex_);
      --open_;
      stored_ += result.stored;
      duplicate_ += result.duplicate;
    }
    changed_.notify_all();
  }

  // False: stopped while batches were still open.
  bool wait_for_all(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    return changed_.wait(lock, stop, [&] { return open_ == 0; });
  }

  void put_into(ImportReport& report) const {
    std::lock_guard lock(mutex_);
    report.stored = stored_;
    report.duplicate = duplicate_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t open_ = 0;    // batches handed over and not yet committed
  std::uint64_t stored_ = 0;  // guarded by mutex_, as all of these
  std::uint64_t duplicate_ = 0;
};

}  // namespace

Result<void> import_events(EventFile& file, EventWriter& writer, const ImportOptions& options,
                           ImportReport& report) {
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t epoch = writer.epoch();
  report.source = file.source();
  report.format = to_word(file.format());
  const auto committed = std::make_shared<Committed>();

  const auto push = [&](EventBatch batch) {
    committed->expect();
    return writer.push(
        std::move(batch),
        [committed, observer = options.committed](const AppendResult& r) {
          committed->done(r);
          if (observer) observer(r);
        },
        options.stop);
  };
  const auto measure = [&] {
    committed->put_into(report);
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };

  ReadOptions read_options;
  read_options.record = options.record;
  read_options.threads = options.threads;
  read_options.stop = options.stop;
  read_options.progress = [&](const FileReport&) {
    measure();
    if (options.progress) options.progress(report);
  };
  const auto read = file.read(
      read_options,
      [&](EventList&& list) {
        return push(EventBatch{.source = file.source(), .list = std::move(list)});
      },
      report.file);

  // The source's counters, also when nothing was wanted: the store then knows it was looked at.
  const bool pushed = push(EventBatch{.source = file.source(), .damaged = report.file.damaged});
  const bool complete = pushed && committed->wait_for_all(options.stop);
  measure();
  if (options.progress) options.progress(report);
  if (!read) return tl::unexpected(read.error());
  if (!complete || options.stop.stop_requested()) {
    return make_error(ErrorCode::kUnavailable, "stopped before the end of the input");
  }
  if (writer.epoch() != epoch) {
    return make_error(ErrorCode::kUnavailable,
                      "the store was damaged meanwhile and a new one begun, which lacks what was "
                      "read before: import it again");
  }
  return {};
}

}  // namespace blockwatch
