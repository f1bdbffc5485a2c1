#include "server/routes.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace blockwatch {
namespace {

// Takes the text up to the next '/' off the front of `rest`.
std::string_view next_segment(std::string_view& rest) {
  const std::size_t end = rest.find('/');
  const std::string_view segment = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return segment;
}

bool is_variable(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// How well a pattern fits, as one bit per segment: 1 for a literal. The higher value is the more
// literal pattern, the earlier segments weighing more. Nothing: it does not fit.
std::optional<std::uint32_t> fit(std::string_view pattern, std::string_view path) {
  if (std::count(pattern.begin(), pattern.end(), '/') !=
      std::count(path.begin(), path.end(), '/')) {
    return std::nullopt;
  }
  std::uint32_t literal_bits = 0;
  while (!pattern.empty() || !path.empty()) {
    const std::string_view wanted = next_segment(pattern);
    const std::string_view actual = next_segment(path);
    const bool literal = !is_variable(wanted);
    if (literal ? wanted != actual : actual.empty()) return std::nullopt;
    literal_bits = (literal_bits << 1U) | (literal ? 1U : 0U);
  }
  return literal_bits;
}

std::map<std::string, std::string> values_of(std::string_view pattern, std::string_view path) {
  std::map<std::string, std::string> values;
  while (!pattern.empty()) {
    const std::string_view wanted = next_segment(pattern);
    const std::string_view actual = next_segment(path);
    if (is_variable(wanted)) values.emplace(wanted.substr(1, wanted.size() - 2), actual);
  }
  return values;
}

}  // namespace

Match Router::match(std::string_view method, std::string_view path) const {
  Match match;
  // The path decides first: `/events/stream` with a wrong method is not `/events/{id}`.
  std::string_view best_pattern;
  std::optional<std::uint32_t> best;
  for (const Route& route : routes_) {
    const auto fitness = fit(route.pattern, path);
    if (fitness && (!best || *fitness > *best)) {
      best = fitness;
      best_pattern = route.pattern;
    }
  }
  if (!best) return match;

  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : routes_) {
    if (route.pattern != best_pattern) continue;
    match.allowed.push_back(route.method);
    if (route.method == "GET") match.allowed.emplace_back("HEAD");
    if (route.method == wanted) match.route = &route;
  }
  match.allowed.emplace_back("OPTIONS");
  if (match.route != nullptr) match.path_values = values_of(best_pattern, path);
  return match;
}

}  // namespace blockwatch
