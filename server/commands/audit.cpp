#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iostream>

#include "monitor/audit_csv.h"
#include "monitor/os_user.h"
#include "server/audit_json.h"
#include "server/audit_policy_file.h"
#include "server/audit_wishes.h"
#include "server/commands/commands.h"
#include "server/param_values.h"
#include "server/params.h"
#include "server/terminal.h"
#include "server/text_table.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

using Align = TextTable::Align;

int report_usage(const std::string& message) {
  return report_error({ErrorCode::kInvalidArgument, message});
}

std::string on_off(bool on) { return on ? "on" : "off"; }

std::string flags_text(std::uint8_t bits) {
  constexpr std::array<const char*, 4> kWords{"off", "success", "failure", "success+failure"};
  return kWords.at(bits & 3U);
}

Result<std::vector<AuditId>> find_all(const std::vector<std::string>& names) {
  std::vector<AuditId> ids;
  for (const std::string& name : names) {
    const auto id = find_audit_subcategory(name);
    if (!id) {
      return make_error(ErrorCode::kInvalidArgument,
                        "\"" + name + "\": expected " + unknown_subcategory(name));
    }
    if (std::ranges::find(ids, *id) == ids.end()) ids.push_back(*id);
  }
  return ids;
}

std::string hours_text(const std::optional<double>& hours) {
  return hours ? std::to_string(std::llround(*hours)) + " h" : "?";
}

std::string security_log_text(const SecurityLog& log) {
  constexpr std::uint64_t kMebibyte = 1U << 20U;
  std::string text = "Security log: " + std::to_string(log.bytes / kMebibyte) + " of " +
                     std::to_string(log.max_bytes / kMebibyte) + " MiB";
  if (log.when_full == WhenFull::kArchive) return text + ", archived when full\n";
  text += log.when_full == WhenFull::kStop ? ", and nothing more is written in "
                                           : ", an event is overwritten after ";
  return text + hours_text(hours_until_overwrite(log)) + '\n';
}

std::optional<LogForecast> forecast(const AuditOutcome& outcome, const std::string& db_option) {
  if (!outcome.security_log) return std::nullopt;
  const auto db_path = resolve_db_path(db_option);
  const auto reader = StoreReader::open(db_path.value_or(""));
  return forecast_log(outcome.security_log, outcome.change.settings,
                      stored_event_rates(reader ? reader->get() : nullptr, now()));
}

// Only looks: needs no trail, and leaves none.
int get(AuditPolicySource& source, const AuditConfig& config) {
  auto ids = find_all(config.subcategories);
  if (!ids) return report_error(ids.error());
  const auto policy = source.read();
  if (!policy) return report_error(policy.error());
  const AuditView view{*policy, source.conflict({}), source.security_log()};
  if (ids->empty()) ids = shown_subcategories(view.policy, config.all);
  if (config.json || !stdout_is_terminal()) {
    std::cout << audit_policy_json(view, source.kind(), *ids) << '\n';
    return kExitSuccess;
  }
  TextTable table({{"SUBCATEGORY", Align::kLeft},
                   {"SUCCESS", Align::kLeft},
                   {"FAILURE", Align::kLeft},
                   {"GUID", Align::kLeft}});
  for (const AuditId id : *ids) {
    const AuditFlags flags = view.policy.at(id).value_or(AuditFlags{});
    table.add({audit_slug(id), on_off(flags.success), on_off(flags.failure), audit_guid(id)});
  }
  std::cout << table.text();
  if (view.security_log) std::cout << security_log_text(*view.security_log);
  if (view.conflict) std::cerr << "changes would not last: " << *view.conflict << '\n';
  return kExitSuccess;
}

int change(AuditKeeper& keeper, const AuditConfig& config, AuditRequest request) {
  request.who = "user:" + os_user();
  request.dry_run = config.dry_run;
  if (!config.revert_after.empty()) {
    request.revert_after = parse_revert_after(config.revert_after);
    if (!request.revert_after) {
      return report_usage("--revert-after: expected " + std::string(kRevertAfters));
    }
  }
  const auto outcome = keeper.change(request);
  if (!outcome) return report_error(outcome.error());
  const AuditChangeRecord& made = outcome->change;
  const auto log = forecast(*outcome, config.db_path);
  if (config.json || !stdout_is_terminal()) {
    std::cout << audit_change_json(made, log) << '\n';
    return kExitSuccess;
  }
  TextTable table(
      {{"SUBCATEGORY", Align::kLeft}, {"BEFORE", Align::kLeft}, {"AFTER", Align::kLeft}});
  for (const AuditSettingRecord& setting : made.settings) {
    if (setting.before == setting.after) continue;
    table.add(
        {audit_slug(setting.subcategory), flags_text(setting.before), flags_text(setting.after)});
  }
  std::cout << table.text();
  if (log) {
    std::cout << "Security log: an event stays " << hours_text(log->before) << " now, then "
              << hours_text(log->after_at_least) << " to " << hours_text(log->after_at_most) << " ("
              << log->basis << ")\n";
  }
  if (config.dry_run) {
    std::cerr << "a dry run: nothing was changed\n";
  } else if (made.revert_time) {
    std::cerr << "it is put back at " << format_rfc3339(*made.revert_time)
              << " by blockwatchd, if it runs then\n";
  }
  return kExitSuccess;
}

int set(AuditKeeper& keeper, const AuditConfig& config) {
  AuditRequest request;
  if (!config.preset.empty()) {
    auto wishes = audit_preset(config.preset);
    if (!wishes || !config.subcategories.empty() || config.success || config.failure) {
      return report_usage("--preset: expected " + std::string(kAuditPresets) +
                          ", and neither subcategories nor flags beside it");
    }
    request.wishes = std::move(*wishes);
    return change(keeper, config, std::move(request));
  }
  const auto ids = find_all(config.subcategories);
  if (!ids) return report_error(ids.error());
  if (ids->empty() || (!config.success && !config.failure)) {
    return report_usage("set: expected subcategories and --success or --failure, or --preset");
  }
  for (const AuditId id : *ids) request.wishes.push_back({id, config.success, config.failure});
  return change(keeper, config, std::move(request));
}

int backup(AuditKeeper& keeper, const AuditConfig& config) {
  const auto made = keeper.back_up("user:" + os_user());
  if (!made) return report_error(made.error());
  const auto policy = parse_digits(made->policy);
  if (!policy) return report_error({ErrorCode::kInternal, "the backup cannot be read"});
  const std::string csv = AuditCsv::make("localhost", *policy).bytes();
  if (config.file.empty() || config.file == "-") {
    std::cout << csv << std::flush;
  } else {
    std::ofstream file(to_path(config.file), std::ios::binary | std::ios::trunc);
    file << csv << std::flush;
    if (!file) return report_error({ErrorCode::kIo, config.file + ": cannot be written"});
  }
  std::cerr << "kept as backup " << made->id << '\n';
  return kExitSuccess;
}

Result<AuditPolicy> read_backup(const std::string& name) {
  std::ifstream opened;
  if (name != "-") opened.open(to_path(name), std::ios::binary);
  std::istream& input = name == "-" ? std::cin : opened;
  if (!input) return make_error(ErrorCode::kIo, name + ": cannot be opened");
  std::string bytes(kMaxAuditCsvBytes + 1, '\0');
  input.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(input.gcount()));
  auto csv = AuditCsv::parse(bytes);
  if (!csv) return make_error(csv.error().code, name + ": " + csv.error().message);
  return csv->policy();
}

int restore(AuditKeeper& keeper, const AuditConfig& config) {
  if (config.file.empty() == config.backup.empty()) {
    return report_usage("restore: expected a FILE, or --id of a kept backup");
  }
  AuditRequest request;
  if (!config.file.empty()) {
    const auto policy = read_backup(config.file);
    if (!policy) return report_error(policy.error());
    request.wishes = wishes_of(*policy);
    return change(keeper, config, std::move(request));
  }
  const auto id = parse_number(config.backup, kMaxSeq);
  const auto kept = keeper.trail().backup(static_cast<std::int64_t>(id.value_or(0)));
  if (!kept) return report_error(kept.error());
  const auto policy = parse_digits(kept->policy);
  if (!policy) return report_error({ErrorCode::kInternal, "the backup cannot be read"});
  request.wishes = wishes_of(*policy);
  request.restores = kept->id;
  return change(keeper, config, std::move(request));
}

int verify(AuditKeeper& keeper) {
  const auto chain = keeper.trail().check_chain();
  if (!chain) return report_error(chain.error());
  if (!chain->fault.empty()) {
    return report_error(
        {ErrorCode::kCorrupt, "the trail is not as it was written: " + chain->fault});
  }
  std::cout << "intact: " << chain->entries << " entries, " << chain->refusals
            << " refusals, last hash " << chain->last_hash << '\n';
  return kExitSuccess;
}

}  // namespace

int run_audit(const AuditConfig& config) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("blockwatchd"));
  const auto db_path = resolve_db_path(config.db_path);
  if (!db_path) return report_error(db_path.error());
  if (config.verb == AuditConfig::Verb::kGet) {
    return get(*open_audit_policy(config.policy_path, *db_path), config);
  }
  const auto keeper = AuditKeeper::open(config.policy_path, *db_path);
  if (!keeper) return report_error(keeper.error());
  // What is due and was left by a server that may not change anything. If it fails, it stays due.
  if (config.verb != AuditConfig::Verb::kBackup && !config.dry_run) {
    if (const auto looked = (*keeper)->look(); !looked) spdlog::warn(looked.error().message);
  }
  switch (config.verb) {
    case AuditConfig::Verb::kSet:
      return set(**keeper, config);
    case AuditConfig::Verb::kBackup:
      return backup(**keeper, config);
    case AuditConfig::Verb::kVerify:
      return verify(**keeper);
    case AuditConfig::Verb::kGet:
    case AuditConfig::Verb::kRestore:
      break;
  }
  return restore(**keeper, config);
}

}  // namespace blockwatch
