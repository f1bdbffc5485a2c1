#include <algorithm>
#include <array>
#include <utility>

#include "server/handlers/answers.h"
#include "server/handlers/handlers.h"
#include "server/handlers/json.h"
#include "server/param_values.h"

namespace blockwatch::handlers {
namespace {

constexpr std::uint32_t kDefaultTop = 20;
constexpr std::uint32_t kDefaultValues = 100;

// The fields of the contract's schema ValueField.
constexpr std::array<std::string_view, 21> kValueFields{"direction",
                                                        "action",
                                                        "scope",
                                                        "protocol",
                                                        "event_id",
                                                        "local_port",
                                                        "remote_port",
                                                        "local_address",
                                                        "remote_address",
                                                        "application",
                                                        "application_name",
                                                        "process_id",
                                                        "user",
                                                        "filter_id",
                                                        "filter_name",
                                                        "filter_origin",
                                                        "layer",
                                                        "interface_index",
                                                        "reason",
                                                        "host",
                                                        "source"};

Json to_json(const std::vector<ValueCount>& values) {
  Json list = Json::array();
  for (const ValueCount& entry : values) {
    list.push_back(
        {{"value", entry.value ? Json(*entry.value) : Json(nullptr)}, {"count", entry.count}});
  }
  return list;
}

}  // namespace

http::Response top_values(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kTop, request);
  if (!query) return std::move(query.error());
  auto reader = context.readers.borrow();
  if (!reader) return error_answer(reader.error());
  auto top = (*reader)->top({query->filter, query->top_by, query->limit.value_or(kDefaultTop)});
  if (!top) return error_answer(top.error());
  return object_answer(
      {{"by", query->by}, {"values", to_json(top->values)}, {"total", top->total}});
}

http::Response timeline(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kTimeline, request);
  if (!query) return std::move(query.error());
  auto reader = context.readers.borrow();
  if (!reader) return error_answer(reader.error());
  auto line = (*reader)->timeline({query->filter, query->bucket_ticks, query->timeline_by});
  if (!line) return error_answer(line.error());
  Json points = Json::array();
  for (const TimelinePoint& point : *line) {
    points.push_back({{"start", format_rfc3339(point.start)}, {"counts", to_json(point.counts)}});
  }
  return object_answer({{"bucket", query->bucket},
                        {"by", query->by.empty() ? Json(nullptr) : Json(query->by)},
                        {"points", std::move(points)}});
}

http::Response field_values(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kFieldValues, request);
  if (!query) return std::move(query.error());
  const std::string& field = request.path_values.at("field");
  if (std::ranges::find(kValueFields, field) == kValueFields.end()) {
    Problem problem{404, "not_found", "There is no such field with values.", {}, {}};
    std::string expected;
    for (std::string_view name : kValueFields) {
      if (!expected.empty()) expected += ", ";
      expected += name;
    }
    std::string_view near = nearest(field, kValueFields);
    if (!near.empty()) expected += "; did you mean \"" + std::string(near) + "\"?";
    problem.errors.push_back({"field", field, std::move(expected)});
    return problem_answer(problem);
  }
  auto reader = context.readers.borrow();
  if (!reader) return error_answer(reader.error());
  auto values =
      (*reader)->field_values(field, query->prefix, query->limit.value_or(kDefaultValues));
  if (!values) return error_answer(values.error());
  return object_answer({{"field", field}, {"values", to_json(*values)}});
}

}  // namespace blockwatch::handlers
