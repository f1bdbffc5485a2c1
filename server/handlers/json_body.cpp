#include "server/handlers/json_body.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "server/param_values.h"
#include "server/utf8.h"

namespace blockwatch::handlers {
namespace {

constexpr int kDeepest = 64;

std::string shown(const Json& value) {
  return shorten_utf8(value.dump(-1, ' ', false, Json::error_handler_t::replace), 100);
}

http::Response bad_body(std::string detail) {
  return problem_answer({400, "invalid_body", std::move(detail), {}, {}});
}

}  // namespace

tl::expected<Json, http::Response> read_json_body(const http::Request& request) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (request.body) {
    const auto got = request.body(buffer.data(), buffer.size());
    if (!got) return tl::unexpected(error_answer(got.error()));
    if (*got == 0) break;
    text.append(buffer.data(), *got);
  }
  if (text.empty()) return Json::object();
  // The members of each object that is being read.
  std::vector<std::set<std::string>> open;
  bool doubled = false;
  bool deep = false;
  const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
    deep = deep || depth > kDeepest;
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key) {
      doubled = !open.back().insert(parsed.get<std::string>()).second || doubled;
    }
    return !deep;  // false: what follows is read and not kept
  };
  Json object = Json::parse(text, look, false);
  if (deep) return tl::unexpected(bad_body("The body is nested deeper than 64."));
  if (doubled) return tl::unexpected(bad_body("A member of the body is there twice."));
  if (!object.is_object()) {
    return tl::unexpected(bad_body("The body must be one JSON object in UTF-8."));
  }
  return object;
}

const Json* BodyMembers::find(const char* name) {
  known_.emplace_back(name);
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

std::optional<bool> BodyMembers::take_bool(const char* name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  fault(name, "true or false");
  return std::nullopt;
}

std::optional<std::string> BodyMembers::take_text(const char* name, std::string_view expected) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  fault(name, std::string(expected));
  return std::nullopt;
}

void BodyMembers::fault(std::string_view name, std::string expected) {
  const auto found = object_.find(name);
  faults_.push_back({shorten_utf8(prefix_ + std::string(name), 100),
                     found == object_.end() ? std::string() : shown(*found), std::move(expected)});
}

std::vector<Fault> BodyMembers::end() {
  for (const auto& [name, value] : object_.items()) {
    if (std::ranges::find(known_, name) != known_.end()) continue;
    const std::string_view near = nearest(name, known_);
    fault(name,
          near.empty() ? "no such member here" : "did you mean \"" + std::string(near) + "\"?");
    if (faults_.size() >= kMaxFaults) break;
  }
  return std::move(faults_);
}

http::Response body_fault(std::vector<Fault> faults) {
  const std::string detail =
      faults.size() == 1 ? "A member of the body cannot be used."
                         : std::to_string(faults.size()) + " members of the body cannot be used.";
  return problem_answer(
      {400, "invalid_body", detail, "errors names each one and what it takes.", std::move(faults)});
}

}  // namespace blockwatch::handlers
