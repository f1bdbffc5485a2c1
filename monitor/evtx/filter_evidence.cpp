#include "monitor/evtx/filter_evidence.h"

#include <vector>

namespace blockwatch::evtx {

std::optional<FilterEvidence> filter_evidence(const RecordReader& record, Timestamp header_time,
                                              std::size_t before, TextArena& text) {
  std::vector<RawField> data;
  for (const RecordReader::Field& field : record.fields())
    data.push_back({field.name, field.value});
  const auto filetime = record.filetime(Slot::kTime);
  auto change = winlog::filter_change(record.event_id(),
                                      filetime ? from_filetime(*filetime) : header_time, data);
  if (!change) return std::nullopt;
  for (std::string_view* part : {&change->name, &change->provider_key, &change->provider})
    *part = text.copy(*part);
  return FilterEvidence{before, text.copy(record.text(Slot::kHost)), *change};
}

}  // namespace blockwatch::evtx
