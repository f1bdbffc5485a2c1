#include "server/handlers/export.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include "server/handlers/answers.h"

namespace blockwatch::handlers {
namespace {

// A page may have to look through many rows for few matches; nobody else waits for it.
constexpr std::uint32_t kExportDeadlineMs = 60'000;

class Export {
 public:
  Export(ApiContext& context, ApiQuery query)
      : context_(context),
        query_(std::move(query)),
        question_(page_query(query_)),
        left_(query_.limit.value_or(UINT32_MAX)),
        bounded_(query_.limit.has_value()) {}

  // The first page, so that a failure is still an error answer.
  Result<void> begin() {
    auto page = ask();
    if (!page) return tl::unexpected(page.error());
    first_ = std::move(*page);
    return {};
  }

  void write_all(const http::WriteFn& write) {
    std::string out;
    if (*query_.format == Format::kCsv) append_csv_header(out, query_.fields);
    Page page = std::move(first_);
    for (;;) {
      for (const Event& event : page.list.events) append(out, event);
      left_ -= bounded_ ? static_cast<std::uint32_t>(page.list.events.size()) : 0;
      if (!out.empty() && !write(out)) return;
      out.clear();
      if (!page.next || left_ == 0) return;
      question_.cursor = page.next;
      auto next = ask();
      if (!next) {
        // The transport breaks the connection off: the client sees that the body is not whole.
        spdlog::error("an export ended early: {}", next.error().message);
        throw std::runtime_error("export broken off");
      }
      page = std::move(*next);
    }
  }

 private:
  Result<Page> ask() {
    question_.limit = std::min(kMaxPageSize, left_);
    auto reader = context_.readers.borrow();
    if (!reader) return tl::unexpected(reader.error());
    (*reader)->set_deadline_ms(kExportDeadlineMs);
    return (*reader)->page(question_);
  }

  void append(std::string& out, const Event& event) const {
    if (*query_.format == Format::kCsv) {
      append_csv_row(out, event, query_.fields);
    } else {
      append_json(out, event, query_.fields);
      out += '\n';
    }
  }

  ApiContext& context_;
  ApiQuery query_;
  PageQuery question_;
  std::uint32_t left_;
  bool bounded_;
  Page first_;
};

}  // namespace

PageQuery page_query(const ApiQuery& query) {
  PageQuery question;
  question.filter = query.filter;
  question.order = query.order;
  question.limit = query.limit.value_or(kDefaultPageSize);
  if (query.page) question.cursor = query.page->cursor;
  question.count = query.count;
  question.raw = query.raw;
  return question;
}

TailQuery tail_query(const ApiQuery& query, std::uint64_t after, std::uint32_t limit) {
  return {query.filter, after, limit, query.raw};
}

PageToken page_token(const ApiQuery& query, const PageCursor& cursor) {
  PageToken token;
  token.cursor = cursor;
  token.fingerprint = fingerprint(query.filter, query.asked, query.order);
  if (query.asked.since_back) token.since = query.filter.since;
  if (query.asked.until_back) token.until = query.filter.until;
  return token;
}

http::Response export_answer(ApiContext& context, ApiQuery query) {
  http::Response response;
  response.content_type =
      *query.format == Format::kCsv ? "text/csv; charset=utf-8" : "application/x-ndjson";
  auto job = std::make_shared<Export>(context, std::move(query));
  if (auto begun = job->begin(); !begun) return error_answer(begun.error());
  response.stream = [job](const http::WriteFn& write) { job->write_all(write); };
  return response;
}

}  // namespace blockwatch::handlers
