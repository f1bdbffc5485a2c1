#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <limits>

#include "server/commands/commands.h"
#include "server/event_json.h"
#include "server/params.h"
#include "server/terminal.h"
#include "server/text_table.h"
#include "storage/event_store.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

// On a terminal without limit=: a screenful or two. On a pipe: everything.
constexpr std::uint64_t kTerminalLimit = kDefaultPageSize;

int report_faults(const std::vector<Fault>& faults) {
  for (const Fault& f : faults) {
    std::cerr << "blockwatchd: " << f.parameter << ": \"" << f.value << "\": expected "
              << f.expected << '\n';
  }
  return kExitUsage;
}

std::string endpoint(const std::optional<IpAddress>& address,
                     const std::optional<std::uint16_t>& port) {
  if (!address) return port ? ":" + std::to_string(*port) : "-";
  std::string text = format_ip_address(*address);
  if (!port) return text;
  return (address->is_v4() ? text : "[" + text + "]") + ":" + std::to_string(*port);
}

std::string protocol_text(const Event& e) {
  if (!e.protocol) return "-";
  const std::string_view name = protocol_name(*e.protocol);
  return name.empty() ? std::to_string(*e.protocol) : std::string(name);
}

void add_row(TextTable& table, const Event& e) {
  const std::string name = application_name(e.application);
  table.add({format_rfc3339(e.time), std::to_string(e.event_id),
             std::string(to_word(action_of(e.event_id))),
             e.direction ? std::string(to_word(*e.direction)) : "-", protocol_text(e),
             endpoint(e.local_address, e.local_port), endpoint(e.remote_address, e.remote_port),
             name.empty() ? "-" : name, std::string(to_word(e.reason)), std::string(e.host)});
}

TextTable event_table() {
  using Align = TextTable::Align;
  return TextTable({{"TIME", Align::kLeft},
                    {"EVENT", Align::kLeft},
                    {"ACTION", Align::kLeft},
                    {"DIRECTION", Align::kLeft},
                    {"PROTOCOL", Align::kLeft},
                    {"LOCAL", Align::kLeft},
                    {"REMOTE", Align::kLeft},
                    {"APPLICATION", Align::kLeft},
                    {"REASON", Align::kLeft},
                    {"HOST", Align::kLeft}});
}

}  // namespace

int run_query(const QueryConfig& config) {
  const ParsedQuery parsed = parse_parameters(Taker::kQueryCommand, config.filters, now());
  if (!parsed.faults.empty()) return report_faults(parsed.faults);
  const ApiQuery& asked = parsed.query;
  const auto db_path = resolve_db_path(config.db_path);
  if (!db_path) return report_error(db_path.error());
  auto reader = StoreReader::open(*db_path);
  if (!reader) return report_error(reader.error());
  (*reader)->set_deadline_ms(0);  // the user waits as long as they like

  const bool as_table = asked.format == Format::kJson && stdout_is_terminal();
  std::uint64_t left = asked.limit ? *asked.limit
                       : as_table  ? kTerminalLimit
                                   : std::numeric_limits<std::uint64_t>::max();
  PageQuery question{.filter = asked.filter, .order = asked.order, .raw = asked.raw};
  TextTable table = event_table();
  std::string out;
  if (asked.format == Format::kCsv) append_csv_header(out, asked.fields);
  bool more = true;
  while (more && left > 0) {
    question.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kMaxPageSize));
    const auto page = (*reader)->page(question);
    if (!page) return report_error(page.error());
    for (const Event& event : page->list.events) {
      if (as_table) {
        add_row(table, event);
      } else if (asked.format == Format::kCsv) {
        append_csv_row(out, event, asked.fields);
      } else {
        append_json(out, event, asked.fields);
        out += '\n';
      }
    }
    left -= page->list.events.size();
    question.cursor = page->next;
    more = page->next.has_value();
    if (as_table) continue;
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size()) {
      if (is_reader_gone(errno)) std::clearerr(stdout);
      return kExitSuccess;  // whether all was written is looked at for every command
    }
    out.clear();
  }
  if (as_table) {
    std::cout << table.text() << std::flush;
    if (more && !asked.limit) std::cerr << "more match: give limit=N, or pipe it\n";
  }
  std::fflush(stdout);
  return kExitSuccess;
}

}  // namespace blockwatch
