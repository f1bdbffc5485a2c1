#pragma once
// Why an event happened, in plain English, with the fields that prove it. Pure, any thread.

#include <string>
#include <vector>

#include "storage/event.h"

namespace blockwatch::winlog {

struct Explanation {
  Reason reason = Reason::kUnknown;   // as winlog::to_event decides it
  std::string summary;                // two to four sentences
  std::vector<std::string> evidence;  // "filter_origin = Stealth", in the contract's words
  std::string confidence;             // "high", "medium" or "low"
};

// Works from the stored event alone; `raw` adds the profile of a 5031. Never fails.
Explanation explain(const Event& event);

}  // namespace blockwatch::winlog
