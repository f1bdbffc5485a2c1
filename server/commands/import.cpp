#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "monitor/standard_input.h"
#include "monitor/wait.h"
#include "server/commands/commands.h"
#include "server/file_names.h"
#include "server/importer.h"
#include "server/progress_bar.h"
#include "server/text_table.h"
#include "storage/commit_signal.h"

namespace blockwatch {
namespace {

constexpr std::chrono::milliseconds kWatchInterval{250};
constexpr std::int64_t kPatienceMs = 10'000;  // for a full disk or a locked file to clear

struct Outcome {
  std::string path;
  ImportReport report;
  std::string error;  // why the file could not be read (to its end); empty: it could
};

// The bytes are at fault, not the system: such a file is damage like any other, and named.
bool is_damage(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kUnsupported ||
         code == ErrorCode::kCorrupt;
}

Outcome import_one(const std::string& path, const ImportConfig& config, EventWriter& writer) {
  Outcome outcome{.path = path};
  ProgressBar bar(path);
  std::stop_source give_up;
  ImportOptions options{
      .record = config.record, .threads = config.threads, .stop = give_up.get_token()};
  // The writer tries for ever, which is right for a server; here somebody waits for an answer.
  std::string why;
  std::jthread watch([&](std::stop_token stop) {
    while (wait_for(stop, kWatchInterval)) {
      const WriterCounters counters = writer.counters();
      if (counters.stalled_ms < kPatienceMs) continue;
      why = "nothing can be stored: " + counters.last_error;
      give_up.request_stop();
      return;
    }
  });
  options.progress = [&](const ImportReport& report) {
    bar.show(report.file.bytes, report.file.total_bytes,
             std::to_string(report.stored) + " stored, ");
  };
  auto file =
      path == "-" ? EventFile::open_stream(standard_input(), "stdin") : EventFile::open(path);
  Result<void> done;
  if (file) {
    done = import_events(*file, writer, options, outcome.report);
  } else {
    done = tl::unexpected(file.error());
  }
  watch.request_stop();
  watch.join();
  if (!why.empty()) {
    outcome.error = why;
  } else if (!done && is_damage(done.error().code)) {
    outcome.report.file.note(0, done.error().message);
  } else if (!done) {
    outcome.error = done.error().message;
  }
  return outcome;
}

std::string fixed(double value, int digits) {
  char buffer[64];
  const int n = std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return {buffer, static_cast<std::size_t>(n)};
}

double megabytes_per_second(const ImportReport& r) {
  return r.seconds > 0 ? static_cast<double>(r.file.bytes) / 1e6 / r.seconds : 0;
}

void add_row(TextTable& table, const std::string& name, const ImportReport& r) {
  table.add({name, std::to_string(r.file.records), std::to_string(r.file.wanted),
             std::to_string(r.stored), std::to_string(r.duplicate), std::to_string(r.file.damaged),
             fixed(r.seconds, 3), fixed(megabytes_per_second(r), 1)});
}

void print_table(const std::vector<Outcome>& outcomes) {
  using Align = TextTable::Align;
  TextTable table({{"FILE", Align::kLeft},
                   {"RECORDS", Align::kRight},
                   {"WANTED", Align::kRight},
                   {"STORED", Align::kRight},
                   {"DUPLICATE", Align::kRight},
                   {"DAMAGED", Align::kRight},
                   {"SECONDS", Align::kRight},
                   {"MB/S", Align::kRight}});
  ImportReport total;
  for (const Outcome& o : outcomes) {
    add_row(table, o.path, o.report);
    total.file.bytes += o.report.file.bytes;
    total.file.records += o.report.file.records;
    total.file.wanted += o.report.file.wanted;
    total.file.damaged += o.report.file.damaged;
    total.stored += o.report.stored;
    total.duplicate += o.report.duplicate;
    total.seconds += o.report.seconds;
  }
  if (outcomes.size() > 1) add_row(table, "total", total);
  std::cout << table.text();
  for (const Outcome& o : outcomes) {
    for (const Damage& d : o.report.file.damage) {
      std::cout << o.path << ": offset " << d.offset << ": " << d.what << '\n';
    }
    if (const auto more = o.report.file.damaged - o.report.file.damage.size(); more > 0) {
      std::cout << o.path << ": and " << more << " more damaged places\n";
    }
  }
}

void print_json(const std::vector<Outcome>& outcomes) {
  for (const Outcome& o : outcomes) {
    const ImportReport& r = o.report;
    nlohmann::ordered_json line{{"file", o.path},
                                {"source", r.source},
                                {"format", r.format},
                                {"bytes", r.file.bytes},
                                {"records", r.file.records},
                                {"wanted", r.file.wanted},
                                {"stored", r.stored},
                                {"duplicate", r.duplicate},
                                {"damaged", r.file.damaged},
                                {"damage", nlohmann::ordered_json::array()},
                                {"seconds", r.seconds},
                                {"mb_per_s", megabytes_per_second(r)},
                                {"error", nullptr}};
    for (const Damage& d : r.file.damage) {
      line["damage"].push_back({{"offset", d.offset}, {"what", d.what}});
    }
    if (!o.error.empty()) line["error"] = o.error;
    std::cout << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  }
}

}  // namespace

int run_import(const ImportConfig& config) {
  const auto db_path = resolve_db_path(config.db_path);
  if (!db_path) return report_error(db_path.error());
  auto store = Store::open({.path = *db_path});
  if (!store) {
    if (store.error().code == ErrorCode::kConflict) {
      store.error().message +=
          "; a running server takes files by POST /api/v1/imports (see its /docs)";
    }
    if (store.error().code == ErrorCode::kCorrupt) {
      store.error().message += "; 'blockwatchd serve' sets it aside and begins a new one";
    }
    return report_error(store.error());
  }
  CommitSignal commits;
  // An import must not delete what somebody else keeps: retention is the server's business.
  EventWriter writer(std::move(*store), commits, {.days = 0, .max_bytes = 0});

  std::vector<Outcome> outcomes;
  for (const std::string& path : expand_file_names(config.files)) {
    outcomes.push_back(import_one(path, config, writer));
    if (writer.counters().stalled_ms >= kPatienceMs) break;  // the next file would fare no better
  }
  if (config.json) {
    print_json(outcomes);
  } else {
    print_table(outcomes);
  }
  std::cout << std::flush;

  int exit_code = kExitSuccess;
  for (const Outcome& o : outcomes) {
    if (o.report.file.damaged > 0) exit_code = kExitDamaged;
  }
  for (const Outcome& o : outcomes) {
    if (o.error.empty()) continue;
    std::cerr << "blockwatchd: " << o.path << ": " << o.error << '\n';
    exit_code = kExitFailure;
  }
  if (!writer.stop()) exit_code = kExitFailure;
  return exit_code;
}

}  // namespace blockwatch
