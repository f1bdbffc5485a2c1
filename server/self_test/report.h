#pragma once
// What the self-test found: one line for each thing it looked at.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/result.h"

namespace blockwatch {

enum class Verdict : std::uint8_t { kOk, kWarning, kFailed, kUnknown };
std::string_view to_word(Verdict verdict) noexcept;  // "ok", "warning", "failed", "unknown"

struct Check {
  std::string name;  // for programs: "rights", "log", "policy", ...
  Verdict verdict = Verdict::kOk;
  std::string found;           // in words
  std::string advice;          // what to do; empty: nothing
  std::optional<double> ms{};  // how long it took, where that matters
};
using Checks = std::vector<Check>;

// A failed check that says why.
Check failed_check(std::string name, const Error& error, std::string advice = {});

bool any_failed(const Checks& checks) noexcept;

// "ok       rights: ..." for people, the advice below.
std::string report_text(const Checks& checks);

// One JSON document to send with a report of a fault. It says itself what it tells of persons.
std::string report_json(const Checks& checks, std::string_view version, std::string_view system);

}  // namespace blockwatch
