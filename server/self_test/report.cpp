#include "server/self_test/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "storage/timestamp.h"

namespace blockwatch {
namespace {

constexpr std::array<std::string_view, 4> kWords{"ok", "warning", "failed", "unknown"};

double rounded(double ms) { return std::round(ms * 100) / 100; }

}  // namespace

std::string_view to_word(Verdict verdict) noexcept {
  return kWords[static_cast<std::size_t>(verdict)];
}

Check failed_check(std::string name, const Error& error, std::string advice) {
  return {std::move(name), Verdict::kFailed, error.message, std::move(advice)};
}

bool any_failed(const Checks& checks) noexcept {
  return std::ranges::any_of(checks, [](const Check& c) { return c.verdict == Verdict::kFailed; });
}

std::string report_text(const Checks& checks) {
  constexpr std::size_t kWidth = 8;
  std::string text;
  for (const Check& check : checks) {
    std::string word(to_word(check.verdict));
    word.resize(kWidth, ' ');
    text += word + ' ' + check.name + ": " + check.found;
    if (check.ms) {
      std::string ms = nlohmann::json(rounded(*check.ms)).dump();
      text += " (" + ms + " ms)";
    }
    text += '\n';
    if (!check.advice.empty()) text += std::string(kWidth + 1, ' ') + "-> " + check.advice + '\n';
  }
  return text;
}

std::string report_json(const Checks& checks, std::string_view version, std::string_view system) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const Check& check : checks) {
    list.push_back({{"name", check.name},
                    {"verdict", to_word(check.verdict)},
                    {"found", check.found},
                    {"advice", check.advice.empty() ? Json(nullptr) : Json(check.advice)},
                    {"ms", check.ms ? Json(rounded(*check.ms)) : Json(nullptr)}});
  }
  const Json report{
      {"report", "blockwatchd self-test"},
      {"version", version},
      {"system", system},
      {"time", format_rfc3339(now())},
      {"personal_data",
       "the name of the account that ran it, and paths, which may contain it; no addresses, no "
       "applications, no tokens, no events"},
      {"ok", !any_failed(checks)},
      {"checks", std::move(list)}};
  // Names may come in any bytes; a report is never refused for them.
  return report.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace blockwatch
