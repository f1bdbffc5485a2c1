#include <iostream>
#include <nlohmann/json.hpp>

#include "server/commands/commands.h"
#include "server/firewall_log/nft.h"
#include "server/firewall_log/plan.h"

namespace blockwatch {
namespace {

const std::string kTable{kFirewallLogTable};

struct Firewall {
  std::uint16_t group = kFirewallLogGroup;  // the wanted one, else that of what is installed
  FirewallLogPlan plan;
  InstalledFirewallLog installed;
};

Result<Firewall> look(const FirewallLogConfig& config) {
  const auto ruleset = run_nft({"-j", "list", "ruleset"});
  if (!ruleset) return tl::unexpected(ruleset.error());
  Firewall firewall;
  firewall.installed = find_firewall_log(*ruleset);
  if (firewall.installed.group) firewall.group = *firewall.installed.group;
  if (config.group) firewall.group = *config.group;
  auto plan = plan_firewall_log(*ruleset, firewall.group);
  if (!plan) return tl::unexpected(plan.error());
  firewall.plan = std::move(*plan);
  if (const std::string legacy = legacy_iptables_tables(); !legacy.empty()) {
    firewall.plan.unseen.push_back("iptables-legacy (tables " + legacy +
                                   "): nftables does not know its rules");
  }
  return firewall;
}

void print_list(std::ostream& out, const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  out << title << '\n';
  for (const std::string& line : lines) out << "  " << line << '\n';
}

void print_unseen(std::ostream& out, const FirewallLogPlan& plan) {
  print_list(out, "It cannot see:", plan.unseen);
  out << "Nor drops outside of these chains: by the kernel itself, by XDP or traffic control, or "
         "on "
         "a bridge.\n";
}

int enable(const FirewallLogConfig& config) {
  const auto firewall = look(config);
  if (!firewall) return report_error(firewall.error());
  const FirewallLogPlan& plan = firewall->plan;
  if (plan.chains.empty()) {
    std::cerr << "blockwatchd: no chain of this firewall drops anything, so there is nothing to "
                 "log\n";
    print_unseen(std::cerr, plan);
    return kExitFailure;
  }
  if (config.json && !config.apply) {
    std::cout << plan.commands << '\n';
    return kExitSuccess;
  }
  if (!config.apply) {
    const auto text = preview_nft(plan.commands, kTable);
    std::cout << (text ? *text : plan.commands + '\n') << std::flush;
    if (!text) {
      std::cerr << "blockwatchd: for `nft -j -f -`; not as text, because: " << text.error().message
                << '\n';
    }
    print_unseen(std::cerr, plan);
    std::cerr << "Nothing was changed; --apply installs it.\n";
    return kExitSuccess;
  }
  const auto done = run_nft({"-j", "-f", "-"}, plan.commands);
  if (!done) return report_error(done.error());
  print_list(std::cout, "Drops are logged of:", plan.chains);
  print_unseen(std::cout, plan);
  std::cout << "Read them: blockwatchd --source nflog:" << firewall->group
            << "\nRun this again when the firewall's rules have changed. Remove it: blockwatchd "
               "firewall-log disable --apply\n";
  return kExitSuccess;
}

int disable(const FirewallLogConfig& config) {
  const std::string commands = remove_firewall_log();
  if (!config.apply) {
    std::cout << (config.json ? commands : "delete table inet " + kTable) << '\n';
    std::cerr << "Nothing was changed; --apply removes it.\n";
    return kExitSuccess;
  }
  const auto done = run_nft({"-j", "-f", "-"}, commands);
  if (!done) return report_error(done.error());
  std::cout << "The table inet " << kTable << " is gone; nothing of it is left.\n";
  return kExitSuccess;
}

int status(const FirewallLogConfig& config) {
  const auto firewall = look(config);
  if (!firewall) return report_error(firewall.error());
  const InstalledFirewallLog& installed = firewall->installed;
  const bool current = installed.fingerprint == firewall->plan.fingerprint;
  const bool read = is_nflog_group_taken(firewall->group);
  if (config.json) {
    std::cout << nlohmann::json{{"installed", installed.installed},
                                {"group", firewall->group},
                                {"current", current},
                                {"read", read},
                                {"chains", firewall->plan.chains},
                                {"unseen", firewall->plan.unseen}}
                     .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
              << '\n';
    return kExitSuccess;
  }
  if (!installed.installed) {
    std::cout << "not installed: blockwatchd firewall-log enable\n";
    print_list(std::cout, "Chains that may drop:", firewall->plan.chains);
    return kExitSuccess;
  }
  std::cout << "installed, for NFLOG group " << firewall->group
            << (read ? ", which a program reads\n" : ", which no program reads\n");
  if (!current) {
    std::cout
        << "The firewall's rules have changed since: blockwatchd firewall-log enable --apply\n";
  }
  print_list(std::cout, "Drops are logged of:", firewall->plan.chains);
  print_unseen(std::cout, firewall->plan);
  return kExitSuccess;
}

}  // namespace

int run_firewall_log(const FirewallLogConfig& config) {
  switch (config.verb) {
    case FirewallLogConfig::Verb::kEnable:
      return enable(config);
    case FirewallLogConfig::Verb::kDisable:
      return disable(config);
    case FirewallLogConfig::Verb::kStatus:
      break;
  }
  return status(config);
}

}  // namespace blockwatch
