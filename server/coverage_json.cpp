#include "server/coverage_json.h"

#include "server/json_pen.h"
#include "storage/words.h"

namespace blockwatch {

void append_json(std::string& out, const CoverageFact& fact) {
  JsonPen pen(out);
  const auto number = [&pen](std::string_view name, const std::optional<std::uint64_t>& value) {
    pen.put(name);
    if (value) {
      pen.put_number(*value);
    } else {
      pen.put_null();
    }
  };
  pen.put("{\"kind\":");
  pen.put_quoted(to_word(fact.kind));
  pen.put(",\"source\":");
  if (fact.source.empty()) {
    pen.put_null();
  } else {
    pen.put_string(fact.source);
  }
  pen.put(",\"start_time\":");
  pen.put_quoted(format_rfc3339(fact.start));
  pen.put(",\"end_time\":");
  if (fact.end) {
    pen.put_quoted(format_rfc3339(*fact.end));
  } else {
    pen.put_null();
  }
  number(",\"first_record_id\":", fact.first_record_id);
  number(",\"last_record_id\":", fact.last_record_id);
  number(",\"missing_records\":", fact.missing_records);
  pen.put(",\"count\":");
  pen.put_number(fact.count);
  pen.put(",\"detail\":");
  pen.put_string(fact.detail);
  pen.put('}');
}

}  // namespace blockwatch
