// The plain-C++ meaning of a Filter. The store's index is tested against it.

#include <algorithm>
#include <string_view>

#include "storage/query.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

using std::string_view;

// `is(wanted)`: does the event's value satisfy this wanted value? An absent value satisfies none.
template <class T, class Is>
bool passes(const Choice<T>& choice, Is is) {
  if (!choice.any.empty() && std::none_of(choice.any.begin(), choice.any.end(), is)) return false;
  return std::none_of(choice.none.begin(), choice.none.end(), is);
}

template <class Value>
auto in_range(const std::optional<Value>& value) {
  return [value](const NumberRange& r) { return value && *value >= r.low && *value <= r.high; };
}

auto in_block(const std::optional<IpAddress>& value) {
  return [value](const IpRange& r) { return value && r.contains(*value); };
}

auto same_text(string_view value) {
  return [value](const std::string& wanted) { return !value.empty() && value == wanted; };
}

auto same_text_ignoring_case(string_view value) {
  return [value](const std::string& wanted) {
    return !value.empty() && equal_ignoring_case(value, wanted);
  };
}

template <class Is>
auto either(Is a, Is b) {
  return [a, b](const auto& wanted) { return a(wanted) || b(wanted); };
}

// '*' matches any run. Linear in the text for each '*': backtracks to the last star only.
bool glob_matches(string_view pattern, string_view text) {
  std::size_t p = 0, t = 0, star = string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && ascii_lower(pattern[p]) == ascii_lower(text[t])) {
      ++p;
      ++t;
    } else if (star != string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool contains_text(const Event& e, string_view q) {
  const auto address_contains = [q](const std::optional<IpAddress>& a) {
    return a && contains_ignoring_case(format_ip_address(*a), q);
  };
  return contains_ignoring_case(e.application, q) || address_contains(e.local_address) ||
         address_contains(e.remote_address) || contains_ignoring_case(e.host, q) ||
         contains_ignoring_case(e.filter_name, q);
}

}  // namespace

bool application_matches(const ApplicationPattern& pattern, string_view application) {
  if (application.empty()) return false;
  if (pattern.whole_path) return glob_matches(pattern.text, application);
  return equal_ignoring_case(pattern.text, application_name(application));
}

bool matches(const Filter& f, const Event& e) {
  const auto is = [](auto value) { return [value](auto wanted) { return value == wanted; }; };
  if (!passes(f.action, is(action_of(e.event_id)))) return false;
  if (!passes(f.scope, is(scope_of(e.event_id)))) return false;
  if (!passes(f.reason, is(e.reason))) return false;
  if (!passes(f.direction, [&](Direction d) { return e.direction == d; })) return false;
  if (!passes(f.protocol, in_range(e.protocol))) return false;
  if (!passes(f.event_id, in_range(std::optional{e.event_id}))) return false;
  if (!passes(f.local_port, in_range(e.local_port))) return false;
  if (!passes(f.remote_port, in_range(e.remote_port))) return false;
  if (!passes(f.port, either(in_range(e.local_port), in_range(e.remote_port)))) return false;
  if (!passes(f.local_address, in_block(e.local_address))) return false;
  if (!passes(f.remote_address, in_block(e.remote_address))) return false;
  if (!passes(f.address, either(in_block(e.local_address), in_block(e.remote_address)))) {
    return false;
  }
  if (!passes(f.application,
              [&](const auto& p) { return application_matches(p, e.application); })) {
    return false;
  }
  if (!f.application_name.empty()) {
    const std::string name = application_name(e.application);
    if (!passes(f.application_name, same_text_ignoring_case(name))) return false;
  }
  if (!passes(f.process_id, in_range(e.process_id))) return false;
  if (!passes(f.user, same_text(e.user))) return false;
  if (!passes(f.filter_id, in_range(e.filter_id))) return false;
  if (!passes(f.filter_name, same_text_ignoring_case(e.filter_name))) return false;
  if (!passes(f.filter_origin, same_text_ignoring_case(e.filter_origin))) return false;
  if (!passes(f.layer, same_text(e.layer))) return false;
  if (!passes(f.interface_index, in_range(e.interface_index))) return false;
  if (!passes(f.host, same_text_ignoring_case(e.host))) return false;
  if (!passes(f.source, same_text(e.source))) return false;
  if (!passes(f.record_id, in_range(e.record_id))) return false;
  if (f.since && e.time < *f.since) return false;
  if (f.until && e.time >= *f.until) return false;
  return f.q.empty() || contains_text(e, f.q);
}

}  // namespace blockwatch
