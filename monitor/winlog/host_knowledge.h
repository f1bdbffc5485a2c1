#pragma once
// What the records of a host tell about its later ones: which side of an inbound 5156/5157 is its
// own, for Windows versions disagree (README.md), and the names of its filters.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "monitor/winlog/filter_history.h"
#include "storage/event.h"

namespace blockwatch::winlog {

// What has been learned about the hosts of one source, in the order of its records. One thread.
class HostKnowledge {
 public:
  HostKnowledge();
  ~HostKnowledge();
  HostKnowledge(HostKnowledge&&) noexcept;
  HostKnowledge& operator=(HostKnowledge&&) noexcept;

  // A host with a longer name is a stranger each time: nothing is kept about it. Windows' own names
  // end at 255 bytes; the bound is for logs that someone made up.
  static constexpr std::size_t kMaxNameBytes = 1024;

  // Any record of the Security channel whose version tells the Windows generation (4624, 4688).
  void observe(std::string_view host, std::uint32_t event_id, std::uint8_t version);
  static constexpr bool is_evidence(std::uint32_t event_id) {
    return event_id == 4624 || event_id == 4688;
  }

  void observe(std::string_view host, const FilterChange& change);

  // Swaps the sides of `event` (as winlog::to_event leaves it) when the evidence says that Dest is
  // the host's own side, turns ICMP ports into type and code, and learns from the event. Names its
  // filter. The event's text is in `text`.
  void settle(Event& event, TextArena& text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch::winlog
