#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "server/handlers/answers.h"
#include "server/handlers/export.h"
#include "server/handlers/handlers.h"
#include "server/param_values.h"
#include "server/utf8.h"
#include "storage/words.h"

namespace blockwatch::handlers {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::uint32_t kEventsPerWrite = 256;
constexpr milliseconds kLookInterval{1'000};  // how soon a client that left is noticed
constexpr std::array<std::string_view, 1> kEventStream{"text/event-stream"};

// One client's stream: asks for what is newer than its cursor, writes it, waits for a commit, asks
// again. There is no queue, so a slow client only holds itself up.
class EventStream {
 public:
  EventStream(ApiContext& context, ApiQuery query, std::uint64_t after)
      : context_(context),
        query_(std::move(query)),
        question_(tail_query(query_, after, kEventsPerWrite)) {}

  void run(const http::WriteFn& write) {
    next_beat_ = Clock::now() + context_.heartbeat;
    out_ = "retry: 3000\n\n";
    while (!context_.commits.closed()) {
      const auto asked = Clock::now();
      auto tail = ask();
      if (!tail) {
        // The client connects again with Last-Event-ID and loses nothing.
        spdlog::warn("a stream ended: {}", tail.error().message);
        return;
      }
      append_tail(*tail);
      append_beat(tail->newest_seq);
      if (!out_.empty() && !write(out_)) return;
      out_.clear();
      if (question_.after >= tail->newest_seq && !wait(asked, write)) return;
    }
  }

 private:
  Result<Tail> ask() {
    auto reader = context_.readers.borrow();
    if (!reader) return tl::unexpected(reader.error());
    return (*reader)->tail(question_);
  }

  void append_tail(const Tail& tail) {
    if (tail.gap_through > question_.after) {
      const std::string last = std::to_string(tail.gap_through);
      out_ += "id: " + last +
              "\nevent: gap\ndata: {\"from_seq\":" + std::to_string(question_.after + 1) +
              ",\"to_seq\":" + last + "}\n\n";
    }
    for (const Event& event : tail.list.events) {
      out_ += "id: ";
      out_ += std::to_string(event.seq);
      out_ += "\nevent: ";
      out_ += to_word(action_of(event.event_id));
      out_ += "\ndata: ";
      append_json(out_, event, query_.fields);
      out_ += "\n\n";
    }
    // `after` may lie above everything there is: then it stays what the client asked for.
    question_.after = std::max({question_.after, tail.covered_seq, tail.gap_through});
    if (question_.after >= tail.newest_seq) {
      behind_since_.reset();
    } else if (!behind_since_) {
      behind_since_ = Clock::now();
    }
  }

  void append_beat(std::uint64_t newest_seq) {
    const auto time = Clock::now();
    if (time < next_beat_) return;
    next_beat_ = time + context_.heartbeat;
    const auto lag = behind_since_ ? duration_cast<milliseconds>(time - *behind_since_).count() : 0;
    out_ +=
        ": still here\n\nevent: heartbeat\ndata: {\"newest_seq\":" + std::to_string(newest_seq) +
        ",\"lag_ms\":" + std::to_string(lag) + "}\n\n";
  }

  // False: the client has left, so that its place goes to another one now.
  bool wait(Clock::time_point asked, const http::WriteFn& write) {
    while (!context_.commits.closed()) {
      const auto until_beat = duration_cast<milliseconds>(next_beat_ - Clock::now());
      const auto time = std::clamp(until_beat, milliseconds(1), kLookInterval);
      if (context_.commits.wait_newer(question_.after, time) > question_.after) break;
      if (!write({})) return false;
      if (until_beat <= kLookInterval) break;
    }
    // Lets what comes in quick succession gather; ends at once when the program stops.
    const auto pause = asked + context_.stream_pause - Clock::now();
    if (pause > Clock::duration::zero()) {
      context_.commits.wait_newer(UINT64_MAX, duration_cast<milliseconds>(pause));
    }
    return true;
  }

  ApiContext& context_;
  const ApiQuery query_;
  TailQuery question_;
  std::string out_;
  Clock::time_point next_beat_;
  std::optional<Clock::time_point> behind_since_;
};

// Where "now" is: an empty question above every seq.
Result<std::uint64_t> newest_seq(ApiContext& context) {
  auto reader = context.readers.borrow();
  if (!reader) return tl::unexpected(reader.error());
  auto tail = (*reader)->tail({{}, kMaxSeq, 1, false});
  if (!tail) return tl::unexpected(tail.error());
  return tail->newest_seq;
}

}  // namespace

http::Response stream_events(ApiContext& context, const http::Request& request) {
  ParsedQuery parsed = parse_target(Taker::kStreamEvents, request.target, now());
  std::optional<std::uint64_t> after = parsed.query.after;
  // The header wins: a browser that connects again keeps the address with its first `after`.
  if (std::string last_id = header_or_empty(request, "Last-Event-ID"); !last_id.empty()) {
    after = parse_number(last_id, kMaxSeq);
    if (!after) {
      parsed.faults.push_back({"Last-Event-ID", shorten_utf8(last_id, 100),
                               "the id of a frame: a whole number below 2^53"});
    }
  }
  if (!parsed.faults.empty()) return problem_answer(parameter_problem(parsed));
  if (!negotiate(header_or_empty(request, "Accept"), kEventStream)) {
    return not_acceptable(request, kEventStream);
  }
  // Asked also when it is not needed, so that a store that cannot be read is an error answer.
  auto newest = newest_seq(context);
  if (!newest) return error_answer(newest.error());

  http::Response response;
  response.content_type = "text/event-stream";
  response.stream = [&context, query = std::move(parsed.query),
                     start = after.value_or(*newest)](const http::WriteFn& write) {
    EventStream(context, query, start).run(write);
  };
  return response;
}

}  // namespace blockwatch::handlers
