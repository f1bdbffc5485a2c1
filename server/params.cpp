#include "server/params.h"

#include <algorithm>
#include <map>
#include <utility>

#include "server/param_table.h"
#include "server/param_values.h"
#include "server/query_string.h"
#include "server/utf8.h"

namespace blockwatch {
namespace {

constexpr std::string_view kNot = "__not";

class Parser {
 public:
  Parser(Taker taker, Timestamp now, std::optional<Format> accepted) : taker_(taker), now_(now) {
    parsed_.query.format = accepted;
  }

  void parse(const http::Parameters& parameters) {
    for (const auto& [name, value] : parameters) take(name, value);
    check_together();
    if (parsed_.query.fields.empty()) parsed_.query.fields = default_event_fields();
    if (parsed_.query.raw) parsed_.query.fields.push_back(EventField::kRaw);
  }

  void add_fault(std::string_view parameter, std::string_view value, std::string expected) {
    if (faults_full()) return;
    std::string valid;
    append_valid_utf8(valid, value);
    parsed_.faults.push_back(
        {shorten_utf8(parameter, 60), shorten_utf8(valid, 100), std::move(expected)});
  }

  ParsedQuery result() && { return std::move(parsed_); }

 private:
  // What is not told need not be guessed: guessing is the costly part.
  bool faults_full() const { return parsed_.faults.size() >= kMaxFaults; }

  const ParameterRow* find(std::string_view name, bool negated) const {
    for (const ParameterRow& row : parameter_table()) {
      bool form = !negated || row.kind == ParameterKind::kFilter;
      if (row.name == name && form && (row.takers & takers(taker_)) != 0) return &row;
    }
    return nullptr;
  }

  void take(const std::string& full_name, const std::string& value) {
    std::string_view name = full_name;
    bool negated = name.ends_with(kNot);
    if (negated) name.remove_suffix(kNot.size());
    const ParameterRow* row = find(name, negated);
    if (row == nullptr) return take_unknown(full_name, value);
    if (++times_[full_name] > 1 && row->kind == ParameterKind::kSingle) {
      return add_fault(full_name, value, "to be given once");
    }
    if (row->kind == ParameterKind::kSingle) return take_value(*row, full_name, value, false);

    auto list = split_list(value);
    if (!list) {
      return add_fault(full_name, value,
                       "a comma list; a value in double quotes ends with a quote, a quote in it is "
                       "written twice");
    }
    for (const std::string& item : *list) take_value(*row, full_name, item, negated);
  }

  void take_value(const ParameterRow& row, const std::string& full_name, const std::string& value,
                  bool negated) {
    if (++values_ > kMaxValues) {
      if (values_ == kMaxValues + 1) {
        add_fault(full_name, value, "at most " + std::to_string(kMaxValues) + " values in all");
      }
      return;
    }
    std::string expected(row.expected);
    if (value.empty()) return add_fault(full_name, value, expected + "; not an empty value");
    if (!is_utf8(value)) return add_fault(full_name, value, "UTF-8 text");
    bool fits = value.size() <= kMaxValueBytes;
    if (!fits) return add_fault(full_name, value, "at most 1024 bytes for one value");
    if (row.parse(parsed_.query, {value, negated, now_})) return;
    if (faults_full()) return;
    std::string_view near = nearest(value, row.words);
    if (!near.empty() && near != value) expected += "; did you mean \"" + std::string(near) + "\"?";
    add_fault(full_name, value, std::move(expected));
  }

  void take_unknown(const std::string& full_name, const std::string& value) {
    parsed_.unknown = true;
    if (faults_full()) return;
    std::vector<std::string> names;
    for (const ParameterRow& row : parameter_table()) {
      if ((row.takers & takers(taker_)) == 0) continue;
      names.emplace_back(row.name);
      if (row.kind == ParameterKind::kFilter) names.push_back(std::string(row.name) + "__not");
    }
    std::vector<std::string_view> candidates(names.begin(), names.end());
    std::string_view near = nearest(full_name, candidates);
    std::string expected;
    if (names.empty()) {
      expected = "no parameter here";
    } else if (!near.empty()) {
      expected = "did you mean \"" + std::string(near) + "\"?";
    } else if (known_elsewhere(full_name)) {
      expected = "a parameter of this operation; this one belongs to others";
    } else {
      expected = "a parameter of this operation; /docs lists them";
    }
    add_fault(full_name, value, std::move(expected));
  }

  static bool known_elsewhere(std::string_view name) {
    return std::ranges::any_of(parameter_table(),
                               [&](const ParameterRow& row) { return row.name == name; });
  }

  bool given(const std::string& name) const { return times_.contains(name); }

  void check_together() {
    ApiQuery& query = parsed_.query;
    if (taker_ == Taker::kTop && !given("by")) {
      add_fault("by", "", std::string(find("by", false)->expected));
    }
    if (taker_ == Taker::kTimeline && !given("bucket")) {
      add_fault("bucket", "", std::string(find("bucket", false)->expected));
    }
    check_ways_to_ask();
    // A token is compared with what was asked, which is only known when that had no fault.
    if (query.page && parsed_.faults.empty()) take_page();
    const Filter& filter = query.filter;
    if (filter.since && filter.until && *filter.since > *filter.until) {
      add_fault("since", "", "a moment not after until");
    }
  }

  void check_ways_to_ask() {
    if (taker_ != Taker::kListEvents) return;
    if (parsed_.query.format.value_or(Format::kJson) != Format::kJson) {
      for (const char* name : {"next", "count", "after", "wait"}) {
        if (given(name))
          add_fault(name, "", "the format json; an export goes to the end by itself");
      }
      return;
    }
    if (!given("after")) {
      if (given("wait")) add_fault("wait", "", "after=SEQ beside it: wait is for newer events");
      return;
    }
    for (const char* name : {"order", "next", "count"}) {
      if (given(name)) add_fault(name, "", "not together with after, which goes in seq order");
    }
  }

  void take_page() {
    ApiQuery& query = parsed_.query;
    if (query.page->fingerprint != fingerprint(query.filter, query.asked, query.order)) {
      return add_fault("next", "",
                       "the same filters and order as the page it came from; it belongs to others");
    }
    if (query.asked.since_back) query.filter.since = query.page->since;
    if (query.asked.until_back) query.filter.until = query.page->until;
  }

  Taker taker_;
  Timestamp now_;
  ParsedQuery parsed_;
  std::map<std::string, unsigned> times_;
  std::size_t values_ = 0;
};

}  // namespace

ParsedQuery parse_parameters(Taker taker, const http::Parameters& parameters, Timestamp now,
                             std::optional<Format> accepted) {
  Parser parser(taker, now, accepted);
  parser.parse(parameters);
  return std::move(parser).result();
}

ParsedQuery parse_target(Taker taker, std::string_view target, Timestamp now,
                         std::optional<Format> accepted) {
  QueryString query = parse_query_string(target);
  Parser parser(taker, now, accepted);
  for (Fault& fault : query.faults) {
    parser.add_fault(fault.parameter, fault.value, std::move(fault.expected));
  }
  parser.parse(query.parameters);
  return std::move(parser).result();
}

Problem parameter_problem(const ParsedQuery& parsed) {
  Problem problem;
  problem.status = 400;
  problem.code = parsed.unknown ? "unknown_parameter" : "invalid_parameter";
  problem.detail = parsed.faults.size() == 1 ? "A parameter of the request cannot be used."
                                             : std::to_string(parsed.faults.size()) +
                                                   " parameters of the request cannot be used.";
  problem.hint = "errors names each one and what it takes; /docs lists all parameters.";
  problem.errors = parsed.faults;
  return problem;
}

std::vector<ParameterInfo> parameters_of(Taker taker) {
  std::vector<ParameterInfo> result;
  for (const ParameterRow& row : parameter_table()) {
    if ((row.takers & takers(taker)) == 0) continue;
    result.push_back({row.name, row.kind == ParameterKind::kFilter,
                      row.kind != ParameterKind::kSingle, row.expected});
  }
  return result;
}

}  // namespace blockwatch
