#include "monitor/evtx/reader.h"

#include <algorithm>
#include <array>
#include <exception>
#include <thread>

#include "monitor/evtx/file_header.h"
#include "monitor/evtx/log_reader.h"
#include "monitor/evtx/piece_queue.h"
#include "monitor/evtx/piece_reader.h"
#include "monitor/winlog/host_knowledge.h"

namespace blockwatch::evtx {

namespace {

constexpr std::uint64_t kBytesPerProgress = 16ULL * 1024 * 1024;
constexpr std::size_t kBatchEvents = 256;         // emitted as soon as there are so many
constexpr std::size_t kBatchLists = 128;          // or so many lists have added to them
constexpr std::uint64_t kPiecesWorthThreads = 3;  // a shorter log is read before threads start

static_assert(kMaxListEvents + kBatchEvents <= kMaxBatchEvents,
              "the events of one list must fit into a batch");

// Takes the pieces in file order: sums up the report, settles the events' sides, emits batches.
class Consumer {
 public:
  Consumer(const ReadOptions& options, const EmitFn& emit, FileReport& report)
      : options_(options), emit_(emit), report_(report) {}

  // False: read no further.
  bool take(Piece&& piece) {
    DecodedPiece& decoded = piece.decoded;
    if (decoded.any_used) {
      for (const std::uint64_t offset : never_used_) report_.note(offset, kGapNote);
      never_used_.clear();
    }
    never_used_.insert(never_used_.end(), decoded.never_used.begin(), decoded.never_used.end());
    add(decoded.report);
    newest_ = std::max(newest_, decoded.newest_record_id);
    for (DecodedEvents& events : decoded.events) {
      settle(events);
      add(std::move(events.list));
      if (batch_.events.size() >= kBatchEvents || batch_lists_ >= kBatchLists) {
        if (!flush()) return false;
      }
    }
    error_ = std::move(piece.error);
    show_progress();
    return !error_ && !piece.cut && !options_.stop.stop_requested();
  }

  // False: the receiver wants no more.
  bool flush() {
    batch_lists_ = 0;
    if (batch_.events.empty()) return true;
    refused_ = !emit_(std::exchange(batch_, EventList{}));
    return !refused_;
  }

  void show_progress(bool always = false) {
    if (!options_.progress || (!always && report_.bytes < next_progress_)) return;
    next_progress_ = report_.bytes + kBytesPerProgress;
    options_.progress(report_);
  }

  const std::optional<Error>& error() const { return error_; }
  bool refused() const { return refused_; }
  std::uint64_t newest() const { return newest_; }

 private:
  void add(const FileReport& piece) {
    report_.bytes += piece.bytes;
    report_.records += piece.records;
    report_.damaged += piece.damaged;
    const std::size_t room = FileReport::kMaxDamageNotes - report_.damage.size();
    const std::size_t notes = std::min(room, piece.damage.size());
    report_.damage.insert(report_.damage.end(), piece.damage.begin(),
                          piece.damage.begin() + static_cast<std::ptrdiff_t>(notes));
  }

  void settle(DecodedEvents& decoded) {
    auto next = decoded.evidence.begin();
    auto filter = decoded.filters.begin();
    for (std::size_t i = 0; i <= decoded.list.events.size(); ++i) {
      for (; next != decoded.evidence.end() && next->before == i; ++next)
        knowledge_.observe(next->host, next->event_id, next->version);
      for (; filter != decoded.filters.end() && filter->before == i; ++filter)
        knowledge_.observe(filter->host, filter->change);
      if (i < decoded.list.events.size()) {
        knowledge_.settle(decoded.list.events[i], decoded.list.text);
      }
    }
  }

  void add(EventList&& list) {
    if (list.events.empty()) return;
    report_.wanted += list.events.size();
    ++batch_lists_;
    if (batch_.events.empty()) {
      batch_ = std::move(list);
      return;
    }
    batch_.events.insert(batch_.events.end(), list.events.begin(), list.events.end());
    batch_.text.absorb(std::move(list.text));
  }

  const ReadOptions& options_;
  const EmitFn& emit_;
  FileReport& report_;
  winlog::HostKnowledge knowledge_;
  EventList batch_;
  std::size_t batch_lists_ = 0;
  std::vector<std::uint64_t> never_used_;  // chunks of zeros that a used one may yet follow
  std::uint64_t newest_ = 0;
  std::uint64_t next_progress_ = kBytesPerProgress;
  std::optional<Error> error_;
  bool refused_ = false;
};

// Reads on threads of its own, and takes on the caller's.
bool read_in_parallel(const ByteSource& bytes, const ChunkRange& range,
                      const DecodeOptions& options, unsigned threads, Consumer& consumer) {
  PieceQueue queue(range.pieces(), 2 * std::size_t{threads} + 2);
  const auto work = [&] {
    std::optional<PieceReader> reader;
    while (const auto number = queue.claim()) {
      try {
        if (!reader) reader.emplace(bytes, range, options);
        queue.put(*number, reader->read(*number));
      } catch (const std::exception& failure) {
        Piece piece;
        piece.error = Error{ErrorCode::kInternal, failure.what()};
        queue.put(*number, std::move(piece));
      }
    }
  };
  std::vector<std::jthread> workers;  // join before the queue goes
  struct CancelOnExit {
    PieceQueue& queue;
    ~CancelOnExit() { queue.cancel(); }
  } cancel_on_exit{queue};
  for (unsigned i = 0; i < threads; ++i) workers.emplace_back(work);
  for (std::uint64_t taken = 0; taken < range.pieces(); ++taken) {
    if (!consumer.take(queue.take())) return false;
  }
  return true;
}

bool read_in_turn(const ByteSource& bytes, const ChunkRange& range, const DecodeOptions& options,
                  Consumer& consumer) {
  PieceReader reader(bytes, range, options);
  for (std::uint64_t number = 0; number < range.pieces(); ++number) {
    if (!consumer.take(reader.read(number))) return false;
  }
  return true;
}

}  // namespace

Result<LogPosition> read_log(const ByteSource& bytes, const ReadOptions& options, DecodePath path,
                             const EmitFn& emit, FileReport& report) {
  std::array<std::uint8_t, kFileHeaderBlock> block;
  const auto got = bytes.read_at(0, block.data(), block.size());
  if (!got) return tl::make_unexpected(got.error());
  const auto header = parse_file_header({block.data(), *got});
  if (!header) return tl::make_unexpected(header.error());

  const ChunkRange range{header->block_size, bytes.size()};
  report.total_bytes = std::max<std::uint64_t>(range.end, *got);
  report.bytes = std::min<std::uint64_t>(header->block_size, report.total_bytes);
  if (!header->damage.empty()) report.note(0, header->damage);

  const DecodeOptions decode{options.source, options.record, options.after_record_id, path};
  Consumer consumer(options, emit, report);
  const bool parallel = options.threads > 1 && range.pieces() >= kPiecesWorthThreads;
  const bool complete = parallel ? read_in_parallel(bytes, range, decode, options.threads, consumer)
                                 : read_in_turn(bytes, range, decode, consumer);
  if (!consumer.refused()) consumer.flush();
  consumer.show_progress(true);
  if (consumer.error()) return tl::make_unexpected(*consumer.error());
  // Chunks of a wrapped log are not in the order of their ids: a position is only what a complete
  // reading has seen.
  if (!complete || consumer.refused()) return LogPosition{options.after_record_id};
  return LogPosition{consumer.newest()};
}

Result<LogPosition> read(const ByteSource& bytes, const ReadOptions& options, const EmitFn& emit,
                         FileReport& report) {
  try {
    return read_log(bytes, options, DecodePath::kPlans, emit, report);
  } catch (const std::exception& failure) {
    return make_error(ErrorCode::kInternal, failure.what());
  }
}

}  // namespace blockwatch::evtx
