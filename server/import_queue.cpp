#include "server/import_queue.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <fstream>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "monitor/event_file.h"
#include "server/importer.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

bool is_finished(ImportState state) {
  return state == ImportState::kDone || state == ImportState::kFailed;
}

// Copies the body; the file is removed again on an error.
Result<void> spool(const http::BodyReader& body, const fs::path& path) {
  std::error_code ignored;
  {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, ignored);
    std::string buffer(std::size_t{256} << 10, '\0');
    Result<void> done;
    bool any = false;
    while (done) {
      const auto n = body(buffer.data(), buffer.size());
      if (!n) {
        done = tl::unexpected(n.error());
      } else if (*n == 0) {
        break;
      } else if (!out.write(buffer.data(), static_cast<std::streamsize>(*n))) {
        done = make_error(ErrorCode::kUnavailable, "no room to keep the upload");
      }
      any = true;
    }
    if (done && !any) {
      done = make_error(ErrorCode::kInvalidArgument,
                        "the body is empty: expected an EVTX, XML or JSON event file");
    }
    out.close();
    if (done && !out) done = make_error(ErrorCode::kUnavailable, "no room to keep the upload");
    if (done) return {};
    fs::remove(path, ignored);
    return done;
  }
}

}  // namespace

class ImportQueue::Impl {
 public:
  Impl(EventWriter& writer, const std::string& folder, ActionSet record, Observer committed)
      : writer_(writer),
        folder_(to_path(folder)),
        record_(record),
        committed_(std::move(committed)) {
    remove_left_overs();
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }

  Result<std::string> start(const ImportUpload& upload) {
    std::string id;
    {
      std::lock_guard lock(mutex_);
      if (thread_.get_stop_token().stop_requested()) {
        return make_error(ErrorCode::kUnavailable, "the server is stopping");
      }
      if (waiting() >= kMaxWaiting) {
        return make_error(ErrorCode::kUnavailable, "too many imports are waiting");
      }
      id = std::to_string(++last_id_);
      jobs_.push_back({.job = {.id = id, .created = now(), .sent_bytes = upload.sent_bytes}});
    }
    const fs::path path = folder_ / id;
    auto file = take_in(upload, path);
    std::lock_guard lock(mutex_);
    const auto entry =
        std::find_if(jobs_.begin(), jobs_.end(), [&](const Entry& e) { return e.job.id == id; });
    if (!file) {
      jobs_.erase(entry);
      std::error_code ignored;
      fs::remove(path, ignored);
      return tl::unexpected(file.error());
    }
    entry->file = std::make_unique<EventFile>(std::move(*file));
    entry->path = path;
    changed_.notify_all();
    return id;
  }

  std::optional<ImportJob> find(std::string_view id) const {
    std::lock_guard lock(mutex_);
    for (const Entry& e : jobs_) {
      if (e.job.id == id && e.file_known()) return e.job;
    }
    return std::nullopt;
  }

  void stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    std::lock_guard lock(mutex_);
    for (Entry& e : jobs_) {
      if (!e.path.empty()) remove_spool(e);
    }
  }

 private:
  struct Entry {
    ImportJob job;
    std::unique_ptr<EventFile> file;  // until it is read
    fs::path path;                    // of the spool file; empty: being received, or ended
    bool file_known() const { return file != nullptr || job.state != ImportState::kQueued; }
  };

  // An exception must not leave a job behind that nobody ends.
  Result<EventFile> take_in(const ImportUpload& upload, const fs::path& path) const {
    try {
      if (auto made = make_folder(); !made) return tl::unexpected(made.error());
      if (auto kept = spool(upload.body, path); !kept) return tl::unexpected(kept.error());
      return EventFile::open(to_utf8(path), upload.name);
    } catch (const std::exception& e) {
      return make_error(ErrorCode::kInternal, std::string("an upload: ") + e.what());
    }
  }

  std::size_t waiting() const {
    return static_cast<std::size_t>(std::count_if(jobs_.begin(), jobs_.end(), [](const Entry& e) {
      return e.job.state == ImportState::kQueued;
    }));
  }

  void remove_spool(Entry& entry) const {
    entry.file.reset();
    std::error_code ignored;
    fs::remove(entry.path, ignored);
    entry.path.clear();
  }

  void remove_left_overs() const {
    std::error_code ignored;
    if (fs::symlink_status(folder_, ignored).type() != fs::file_type::directory) return;
    for (fs::directory_iterator it(folder_, ignored), end; !ignored && it != end;
         it.increment(ignored)) {
      std::error_code in_use;
      if (is_spool_name(to_utf8(it->path().filename()))) fs::remove(it->path(), in_use);
    }
  }

  static bool is_spool_name(const std::string& name) {
    return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
  }

  // A link in its place could lead uploads elsewhere.
  Result<void> make_folder() const {
    std::error_code error;
    if (fs::create_directory(folder_, error)) {
      fs::permissions(folder_, fs::perms::owner_all, error);
    }
    if (error || fs::symlink_status(folder_, error).type() != fs::file_type::directory) {
      spdlog::error("imports: {} is no folder that can be used", to_utf8(folder_));
      return make_error(ErrorCode::kIo, "uploads cannot be kept");
    }
    return {};
  }

  // What the system or a fault of ours says may name paths and is for the log.
  static std::string client_text(const Error& error) {
    if (error.code != ErrorCode::kIo && error.code != ErrorCode::kInternal) return error.message;
    spdlog::error("an import failed: {}", error.message);
    return "the upload could not be read; the cause is in the server's log";
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      Entry* next = nullptr;
      changed_.wait(lock, stop, [&] {
        const auto it = std::find_if(jobs_.begin(), jobs_.end(), [](const Entry& e) {
          return e.job.state == ImportState::kQueued && e.file;
        });
        next = it == jobs_.end() ? nullptr : &*it;
        return next != nullptr;
      });
      if (next == nullptr || stop.stop_requested()) return;
      next->job.state = ImportState::kRunning;
      // A list: the entry stays in place while others come and go.
      lock.unlock();
      import(*next, stop);
      lock.lock();
      forget_oldest();
    }
  }

  void import(Entry& entry, const std::stop_token& stop) {
    const auto publish = [&](const ImportReport& report) {
      std::lock_guard lock(mutex_);
      entry.job.report = report;
    };
    ImportReport report;
    ImportOptions options{
        .record = record_, .progress = publish, .committed = committed_, .stop = stop};
    Result<void> done;
    try {
      done = import_events(*entry.file, writer_, options, report);
    } catch (const std::exception&) {
      done = make_error(ErrorCode::kInternal, "the import failed");
    }
    std::lock_guard lock(mutex_);
    entry.job.report = std::move(report);
    entry.job.state = done ? ImportState::kDone : ImportState::kFailed;
    if (!done) entry.job.error = client_text(done.error());
    entry.job.finished = now();
    remove_spool(entry);
  }

  void forget_oldest() {
    auto kept = std::count_if(jobs_.begin(), jobs_.end(),
                              [](const Entry& e) { return is_finished(e.job.state); });
    for (auto it = jobs_.begin(); kept > static_cast<std::ptrdiff_t>(kMaxKept);) {
      if (is_finished(it->job.state)) {
        it = jobs_.erase(it);
        --kept;
      } else {
        ++it;
      }
    }
  }

  EventWriter& writer_;
  const fs::path folder_;
  const ActionSet record_;
  const Observer committed_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t last_id_ = 0;  // guarded by mutex_
  std::list<Entry> jobs_;      // guarded by mutex_; oldest first
  std::jthread thread_;
};

ImportQueue::ImportQueue(EventWriter& writer, const std::string& spool_folder, ActionSet record,
                         Observer committed)
    : impl_(std::make_unique<Impl>(writer, spool_folder, record, std::move(committed))) {}
ImportQueue::~ImportQueue() { stop(); }
Result<std::string> ImportQueue::start(const ImportUpload& upload) { return impl_->start(upload); }
std::optional<ImportJob> ImportQueue::find(std::string_view id) const { return impl_->find(id); }
void ImportQueue::stop() { impl_->stop(); }

}  // namespace blockwatch
