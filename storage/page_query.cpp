// Pages: the matching rows of every run and of the rows that no run has yet, merged in order of
// time. A run is only opened when the page reaches its time, and looked at in windows that grow,
// so that a full page ends the work early and a rare match is found by whole lists.

#include <algorithm>

#include "storage/row_internal.h"
#include "storage/store_internal.h"

namespace blockwatch {
namespace {

constexpr std::uint32_t kFirstWindow = 1024;
constexpr std::uint32_t kLastWindow = 1U << 22U;
constexpr std::uint64_t kMinGrowth = 4;
constexpr std::uint64_t kMaxGrowth = 32;
// A row this near is reached by stepping on from the one before.
constexpr std::int64_t kNearRows = 4;
// Rows this near come from a part of the table where stepping on will soon pay.
constexpr std::int64_t kCloseRows = 16;

}  // namespace

class StoreReader::Impl::PageRows {
 public:
  PageRows(Impl& impl, const PageQuery& query, Page& page, std::uint64_t snapshot)
      : impl_(impl),
        query_(query),
        page_(page),
        snapshot_(snapshot),
        filter_(impl.use_filter(query.filter)),
        seqs_(impl.seq_bounds(snapshot)),
        descending_(query.order == Order::kNewestFirst),
        reader_(impl.received_, impl.dictionary_, page.list, query.raw),
        apart_(impl.finder_.search(query.raw)),
        together_(impl.connection_.use(
            std::string("SELECT ") + kRowColumns + (query.raw ? ", e.raw" : "") +
            " FROM event e WHERE e.seq " +
            (descending_ ? "<= ? ORDER BY e.seq DESC" : ">= ? ORDER BY e.seq"))) {}

  void read() {
    if (filter_.nothing) return;
    page_.list.events.reserve(query_.limit);
    for (const Run& run : impl_.runs_.runs()) add_run(run);
    add_tail();
    auto after = [this](const Head& x, const Head& y) { return comes_first(y, x); };
    std::make_heap(heads_.begin(), heads_.end(), after);
    while (!heads_.empty()) {
      std::pop_heap(heads_.begin(), heads_.end(), after);
      Source& source = *sources_[heads_.back().source];
      heads_.pop_back();
      if (source.event) {
        if (page_.list.events.size() == query_.limit) {
          const Event& last = page_.list.events.back();
          page_.next = PageCursor{last.time, last.seq, snapshot_};
          return;
        }
        if (!goes_on(*source.event)) throw_damaged_index();
        page_.list.events.push_back(*source.event);
      }
      if (auto head = next(source)) {
        heads_.push_back(*head);
        std::push_heap(heads_.begin(), heads_.end(), after);
      }
    }
  }

 private:
  // A run, or the tail; `event` is its next match, once it was looked at.
  struct Source {
    const Run* run = nullptr;
    std::size_t number = 0;
    std::optional<RunFilter> filter;
    PositionSpan left;  // positions (the tail: places) not looked at yet
    std::optional<std::vector<std::uint32_t>> candidates;  // when few rows can match at all
    std::optional<RunFilter::Matches> window;
    std::uint32_t place = 0;  // in the window; what lies before it was given
    std::uint32_t window_size = kFirstWindow;
    std::optional<Event> event;
  };
  // The source's next event, or a bound for it.
  struct Head {
    std::int64_t time = 0;
    std::uint64_t seq = 0;
    std::size_t source = 0;
  };

  bool comes_first(const Head& x, const Head& y) const {
    if (x.time != y.time) return descending_ ? x.time > y.time : x.time < y.time;
    return descending_ ? x.seq > y.seq : x.seq < y.seq;
  }

  // Comes after the event given last: a damaged order must not lead a client round in circles.
  bool goes_on(const Event& event) const {
    Head next{event.time.ticks, event.seq, 0};
    if (!page_.list.events.empty()) {
      const Event& last = page_.list.events.back();
      return comes_first({last.time.ticks, last.seq, 0}, next);
    }
    return !query_.cursor || comes_first({cursor_time(), query_.cursor->last_seq, 0}, next);
  }

  // The cursor's place lies between the last page and this one.
  std::int64_t cursor_time() const { return query_.cursor->last_time.ticks; }
  std::uint64_t cursor_seq() const { return query_.cursor->last_seq + (descending_ ? 0 : 1); }

  void add_source(const Run* run, std::int64_t time) {
    Head head{time, descending_ ? UINT64_MAX : 0, sources_.size()};
    sources_.push_back(std::make_unique<Source>());
    sources_.back()->run = run;
    sources_.back()->number = head.source;
    heads_.push_back(head);
  }

  void add_run(const Run& run) {
    if (run.max_time < filter_.first_time || run.min_time >= filter_.end_time ||
        run.first_seq > seqs_.last || run.last_seq < seqs_.first) {
      return;
    }
    if (query_.cursor) {
      if (descending_ ? run.min_time > cursor_time() : run.max_time < cursor_time()) return;
    }
    add_source(&run, descending_ ? run.max_time : run.min_time);
  }

  void add_tail() {
    const auto& tail = impl_.tail_;
    PositionSpan left{0, static_cast<std::uint32_t>(tail.size())};
    if (query_.cursor) {
      IndexRow place;
      place.time = cursor_time();
      place.seq = cursor_seq();
      auto at = static_cast<std::uint32_t>(
          std::lower_bound(tail.begin(), tail.end(), place, comes_before) - tail.begin());
      (descending_ ? left.end : left.first) = at;
    }
    if (left.empty()) return;
    add_source(nullptr, descending_ ? tail[left.end - 1].time : tail[left.first].time);
    sources_.back()->left = left;
  }

  void open(Source& source) {
    const Run& run = *source.run;
    source.filter.emplace(impl_.runs_, run, filter_, seqs_);
    source.left = source.filter->span();
    if (query_.cursor) {
      std::uint32_t at = impl_.runs_.position_of(run, cursor_time(), cursor_seq());
      if (descending_) {
        source.left.end = std::min(source.left.end, at);
      } else {
        source.left.first = std::max(source.left.first, at);
      }
    }
    source.candidates = source.filter->few_candidates();
    if (!source.candidates) return;
    std::erase_if(*source.candidates, [&](std::uint32_t position) {
      return position < source.left.first || position >= source.left.end;
    });
    if (!descending_) std::reverse(source.candidates->begin(), source.candidates->end());
  }

  std::optional<Head> next(Source& source) {
    auto seq = source.run == nullptr ? next_of_tail(source) : next_of_run(source);
    if (!seq) return std::nullopt;
    reader_.read(row(*seq), source.event.emplace());
    return Head{source.event->time.ticks, source.event->seq, source.number};
  }

  std::optional<std::uint64_t> next_of_tail(Source& source) {
    while (!source.left.empty()) {
      const IndexRow& row = impl_.tail_[descending_ ? --source.left.end : source.left.first++];
      if (row.seq >= seqs_.first && row.seq <= seqs_.last && filter_.holds(row)) return row.seq;
    }
    return std::nullopt;
  }

  std::optional<std::uint64_t> next_of_run(Source& source) {
    if (!source.filter) open(source);
    if (source.candidates) return next_candidate(source);
    while (true) {
      while (source.window) {
        PositionSet& positions = source.window->positions;
        auto at =
            descending_ ? positions.at_or_below(source.place) : positions.at_or_above(source.place);
        if (!at) break;
        positions.remove(*at);
        source.place = *at;
        std::uint64_t seq = impl_.runs_.seq_at(*source.run, *at);
        if (source.window->sure || filter_.holds(index_row_at(row(seq)))) return seq;
      }
      if (source.left.empty()) return std::nullopt;
      impl_.connection_.check_limits();
      look_on(source);
    }
  }

  std::optional<std::uint64_t> next_candidate(Source& source) {
    while (!source.candidates->empty()) {
      std::uint64_t seq = impl_.runs_.seq_at(*source.run, source.candidates->back());
      source.candidates->pop_back();
      if (seq < seqs_.first || seq > seqs_.last) continue;
      if (filter_.conditions.size() == 1 || filter_.holds(index_row_at(row(seq)))) return seq;
    }
    return std::nullopt;
  }

  // Looks at the next window.
  void look_on(Source& source) {
    std::uint32_t size = std::min(source.window_size, source.left.size());
    PositionSpan span = descending_ ? PositionSpan{source.left.end - size, source.left.end}
                                    : PositionSpan{source.left.first, source.left.first + size};
    (descending_ ? source.left.end : source.left.first) = descending_ ? span.first : span.end;
    source.place = descending_ ? span.end - 1 : span.first;
    source.window.emplace(source.filter->matches(span));
    // So that the next one surely fills the page, if matches go on as they were here.
    std::uint64_t missing = query_.limit + 1 - page_.list.events.size();
    std::uint64_t growth = 2 * missing / (source.window->positions.count() + 1);
    growth = std::clamp(growth, kMinGrowth, kMaxGrowth);
    source.window_size =
        std::min(source.window_size * static_cast<std::uint32_t>(growth), kLastWindow);
  }

  const SqlStatement& row(std::uint64_t seq) {
    auto wanted = static_cast<std::int64_t>(seq);
    if (row_ == nullptr || row_seq_ != wanted) {
      std::int64_t distance = row_ == nullptr ? INT64_MAX : way(row_seq_, wanted);
      row_ = distance > 0 && distance <= kCloseRows ? &find_together(wanted) : &find_apart(seq);
      row_seq_ = wanted;
    }
    return *row_;
  }

  // How far `to` lies behind `from` in the order of the page.
  std::int64_t way(std::int64_t from, std::int64_t to) const {
    return descending_ ? from - to : to - from;
  }

  const SqlStatement& find_apart(std::uint64_t seq) {
    ++impl_.rows_read_;
    return apart_.find(seq);
  }

  const SqlStatement& find_together(std::int64_t wanted) {
    std::int64_t distance = together_seq_ < 0 ? -1 : way(together_seq_, wanted);
    if (distance <= 0 || distance > kNearRows) {
      together_->reset();
      together_->bind(1, wanted);
    }
    do {
      if (!together_->step()) throw_damaged_index();
      ++impl_.rows_read_;
      together_seq_ = together_->integer(0);
    } while (way(together_seq_, wanted) > 0);
    if (together_seq_ != wanted) throw_damaged_index();
    return *together_;
  }

  Impl& impl_;
  const PageQuery& query_;
  Page& page_;
  std::uint64_t snapshot_;
  const IndexFilter& filter_;
  SeqBounds seqs_;
  bool descending_;
  RowReader reader_;
  RowFinder::Search apart_;            // for rows far from each other
  StatementUse together_;              // for neighbours
  std::int64_t together_seq_ = -1;     // where together_ stands
  const SqlStatement* row_ = nullptr;  // the row asked for last, in one of them
  std::int64_t row_seq_ = -1;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Head> heads_;  // a heap
};

Page StoreReader::Impl::page(const PageQuery& query) {
  Page page;
  page.newest_seq = state_.newest_seq;
  std::uint64_t snapshot = query.cursor ? query.cursor->snapshot_seq : state_.newest_seq;
  if (query.count) page.total = count(query.filter, snapshot);
  PageRows(*this, query, page, snapshot).read();
  return page;
}

}  // namespace blockwatch
