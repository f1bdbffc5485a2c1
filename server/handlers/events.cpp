#include <array>
#include <chrono>
#include <utility>

#include "monitor/winlog/explain.h"
#include "server/handlers/answers.h"
#include "server/handlers/export.h"
#include "server/handlers/handlers.h"
#include "server/param_values.h"
#include "server/query_string.h"

namespace blockwatch::handlers {
namespace {

using Clock = std::chrono::steady_clock;

// In the order of Format.
constexpr std::array<std::string_view, 3> kMediaTypes{"application/json", "application/x-ndjson",
                                                      "text/csv"};

void append_events(std::string& out, const EventList& list, const EventFields& fields) {
  out += "{\"events\":[";
  bool first = true;
  for (const Event& event : list.events) {
    if (!first) out += ',';
    first = false;
    append_json(out, event, fields);
  }
  out += ']';
}

// The request's own address with another `next`. Only relative: whichever name the client knows
// the server by stays right.
std::string next_address(const http::Request& request, std::string_view token) {
  std::string_view target = request.target;
  target = target.substr(0, target.find('#'));
  std::size_t mark = target.find('?');
  std::string_view rest =
      mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  std::string address;
  auto append = [&address](std::string_view text) {
    for (char c : text) {
      auto byte = static_cast<unsigned char>(c);
      bool harmless = byte > 0x20 && byte < 0x7F && c != '<' && c != '>' && c != '"';
      if (harmless) {
        address += c;
      } else {
        append_percent_encoded(address, std::string_view(&c, 1));
      }
    }
  };
  append(target.substr(0, mark));
  char separator = '?';
  while (!rest.empty()) {
    std::size_t end = rest.find('&');
    std::string_view piece = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (piece.empty()) continue;
    auto decoded = parse_query_string("?" + std::string(piece)).parameters;
    if (!decoded.empty() && decoded.front().first == "next") continue;
    address += separator;
    append(piece);
    separator = '&';
  }
  address += separator;
  address += "next=";
  address += token;
  return address;
}

http::Response to_response(PageCache::Answer answer) {
  http::Response response;
  response.body = std::move(answer.body);
  if (!answer.link.empty()) response.set("Link", std::move(answer.link));
  return response;
}

http::Response page_answer(ApiContext& context, const http::Request& request,
                           const ApiQuery& query) {
  const bool large = query.limit.value_or(0) > kDefaultPageSize;
  auto reader = large ? context.readers.borrow_for_large() : context.readers.borrow();
  if (!reader) return error_answer(reader.error());
  // "The last hour" is another one a moment later.
  const bool kept = !query.asked.since_back && !query.asked.until_back &&
                    context.pages->is_asked_again(request.target);
  auto version = kept ? store_version(**reader) : Result<StoreVersion>(StoreVersion{});
  if (!version) return error_answer(version.error());
  if (kept) {
    if (const auto known = context.pages->find(request.target, *version)) {
      return to_response(*known);
    }
  }
  auto page = (*reader)->page(page_query(query));
  if (!page) return error_answer(page.error());

  PageCache::Answer answer;
  std::string& body = answer.body;
  body.reserve(512 + page->list.events.size() * 896);
  append_events(body, page->list, query.fields);
  body += ",\"next\":";
  if (page->next) {
    std::string token = encode_page_token(page_token(query, *page->next));
    body += '"' + token + '"';
    answer.link = "<" + next_address(request, token) + ">; rel=\"next\"";
  } else {
    body += "null";
  }
  body += ",\"newest_seq\":" + std::to_string(page->newest_seq);
  if (page->total) body += ",\"total\":" + std::to_string(*page->total);
  body += '}';
  if (kept) context.pages->keep(request.target, *version, answer);
  return to_response(std::move(answer));
}

// Asks again after each commit until something matches. No connection to the store is held while
// it waits.
http::Response poll_answer(ApiContext& context, const ApiQuery& query) {
  const auto deadline = Clock::now() + query.wait;
  // Looking through old events goes on for this long even without a wait.
  const auto scan_deadline = std::max(deadline, Clock::now() + std::chrono::seconds(2));
  TailQuery question = tail_query(query, *query.after, query.limit.value_or(kDefaultPageSize));
  std::uint64_t gap_from = 0;
  std::uint64_t gap_to = 0;
  for (;;) {
    Result<Tail> tail = [&]() -> Result<Tail> {
      auto reader = context.readers.borrow();
      if (!reader) return tl::unexpected(reader.error());
      return (*reader)->tail(question);
    }();
    if (!tail) return error_answer(tail.error());
    if (tail->gap_through > question.after) {
      gap_from = question.after + 1;
      gap_to = tail->gap_through;
    }
    question.after = std::max(question.after, tail->covered_seq);
    const bool behind = question.after < tail->newest_seq;
    const auto time = Clock::now();
    if (tail->list.events.empty() && gap_to == 0 && !context.commits.closed()) {
      if (behind && time < scan_deadline) continue;
      if (!behind && time < deadline) {
        context.commits.wait_newer(
            question.after, std::chrono::duration_cast<std::chrono::milliseconds>(deadline - time) +
                                std::chrono::milliseconds(1));
        continue;
      }
    }
    std::string body;
    append_events(body, tail->list, query.fields);
    body += ",\"next\":null,\"newest_seq\":" + std::to_string(tail->newest_seq);
    body += ",\"covered_seq\":" + std::to_string(question.after);
    body += ",\"gap\":";
    body += gap_to == 0 ? "null"
                        : "{\"from_seq\":" + std::to_string(gap_from) +
                              ",\"to_seq\":" + std::to_string(gap_to) + "}";
    body += '}';
    return json_answer(std::move(body));
  }
}

}  // namespace

http::Response list_events(ApiContext& context, const http::Request& request) {
  std::optional<Format> accepted;
  if (auto offer = negotiate(header_or_empty(request, "Accept"), kMediaTypes)) {
    accepted = Format(*offer);
  }
  auto query = read_query(Taker::kListEvents, request, accepted);
  if (!query) return std::move(query.error());
  if (!query->format) return not_acceptable(request, kMediaTypes);
  if (*query->format != Format::kJson) return export_answer(context, std::move(*query));
  if (query->after) return poll_answer(context, *query);
  return page_answer(context, request, *query);
}

http::Response get_event(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kGetEvent, request);
  if (!query) return std::move(query.error());
  auto seq = parse_number(request.path_values.at("id"), kMaxSeq);
  if (!seq || *seq == 0) {
    return error_answer({ErrorCode::kNotFound, "There is no event with this id."});
  }
  auto reader = context.readers.borrow();
  if (!reader) return error_answer(reader.error());
  auto found = (*reader)->event(*seq);
  if (!found) return error_answer(found.error());
  const Event& event = found->events.front();

  EventFields fields = default_event_fields();
  fields.push_back(EventField::kRaw);
  winlog::Explanation explanation = winlog::explain(event);
  std::string body = "{";
  append_json_members(body, event, fields);
  body += ",\"explanation\":{\"reason\":";
  append_json_string(body, to_word(explanation.reason));
  body += ",\"summary\":";
  append_json_string(body, explanation.summary);
  body += ",\"evidence\":[";
  for (std::size_t i = 0; i < explanation.evidence.size(); ++i) {
    if (i != 0) body += ',';
    append_json_string(body, explanation.evidence[i]);
  }
  body += "],\"confidence\":";
  append_json_string(body, explanation.confidence);
  body += "}}";
  return json_answer(std::move(body));
}

}  // namespace blockwatch::handlers
