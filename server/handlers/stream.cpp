#include <array>
#include <utility>

#include "server/event_streams.h"
#include "server/handlers/answers.h"
#include "server/handlers/handlers.h"
#include "server/param_values.h"
#include "server/utf8.h"

namespace blockwatch::handlers {
namespace {

constexpr std::array<std::string_view, 1> kEventStream{"text/event-stream"};

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
  auto newest = context.streams.newest_seq();
  if (!newest) return error_answer(newest.error());

  http::Response response;
  response.content_type = "text/event-stream";
  response.hand_over = [&context, start = after.value_or(*newest),
                        question = StreamQuestion{std::move(parsed.query.filter),
                                                  std::move(parsed.query.fields),
                                                  parsed.query.raw}](LiveConnection&& connection) {
    context.streams.add(question, start, std::move(connection));
  };
  return response;
}

}  // namespace blockwatch::handlers
