#include "storage/event.h"

namespace blockwatch {

Event copy_event(const Event& event, TextArena& text) {
  Event copy = event;
  for (std::string_view* field :
       {&copy.source, &copy.host, &copy.channel, &copy.application, &copy.user, &copy.filter_name,
        &copy.filter_origin, &copy.layer}) {
    *field = text.copy(*field);
  }
  const auto raw = text.array<RawField>(event.raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    raw[i] = {text.copy(event.raw[i].name), text.copy(event.raw[i].value)};
  }
  copy.raw = raw;
  return copy;
}

}  // namespace blockwatch
