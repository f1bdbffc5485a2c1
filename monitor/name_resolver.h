#pragma once
// Names that only the running system knows: of drives, filters, layers and services.

#include <cstdint>
#include <memory>
#include <string>

#include "storage/event.h"

namespace blockwatch {

// One thread.
class NameResolver {
 public:
  virtual ~NameResolver() = default;

  // Completes an event of this system that was read from its log a moment ago or later, as far as
  // the names it needs are the ones that held when it happened. Its text is in `text`.
  virtual void resolve(Event& event, TextArena& text) = 0;

  // The log tells that this filter was added or deleted.
  virtual void filter_changed(std::uint64_t filter_id) = 0;

  // Why names are missing that should be there; empty when nothing is wrong.
  virtual std::string fault() const = 0;
};

// Null on systems without such names.
std::unique_ptr<NameResolver> system_names();

}  // namespace blockwatch
