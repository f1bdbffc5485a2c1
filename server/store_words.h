#pragma once
// Why nothing can be stored, in words that are fit for a client: no path, no SQL.

#include <string>

#include "storage/event_writer.h"

namespace blockwatch {

inline std::string words_for(const WriterCounters& writer) {
  switch (writer.last_code) {
    case ErrorCode::kCorrupt:
      return "the store is damaged";
    case ErrorCode::kConflict:
      return "another process has the store";
    case ErrorCode::kInternal:
      return "the cause is in the server's log";
    default: {
      // The system's or SQLite's own words are at the end: "database or disk is full".
      const std::size_t end = writer.last_error.rfind(": ");
      return writer.last_error.substr(end == std::string::npos ? 0 : end + 2);
    }
  }
}

}  // namespace blockwatch
