#include "monitor/winlog/format.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace blockwatch {

namespace {

constexpr std::size_t kLookAt = 4096;

// ASCII of UTF-16 text, for recognising it; other characters become '?'.
std::string narrow(std::string_view utf16, bool little) {
  std::string text;
  for (std::size_t i = 0; i + 2 <= utf16.size(); i += 2) {
    const char low = utf16[little ? i : i + 1];
    const char high = utf16[little ? i + 1 : i];
    text += high == 0 ? low : '?';
  }
  return text;
}

std::string plain_text(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE")) return narrow(bytes.substr(2), true);
  if (bytes.starts_with("\xFE\xFF")) return narrow(bytes.substr(2), false);
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  return std::string(bytes);
}

// What Splunk's WinEventLog input, Event Viewer's "copy as text" and its CSV export begin with.
bool is_message_only(std::string_view text) {
  constexpr std::array<std::string_view, 5> kMarks{
      "EventCode=", "LogName=", "Log Name:", "Keywords,Date and Time", "Level,Date and Time"};
  return std::any_of(kMarks.begin(), kMarks.end(), [text](std::string_view mark) {
    return text.find(mark) != std::string_view::npos;
  });
}

}  // namespace

Result<EventFormat> sniff_format(std::span<const char> first_bytes) {
  const std::string_view bytes(first_bytes.data(), std::min(first_bytes.size(), kLookAt));
  if (bytes.starts_with(std::string_view("ElfFile\0", 8))) return EventFormat::kEvtx;
  const std::string text = plain_text(bytes);
  constexpr std::string_view kSpace = " \t\r\n\x1e";
  std::size_t first = text.find_first_not_of(kSpace);
  if (first != std::string::npos) {
    if (text[first] == '{' || text[first] == '[') return EventFormat::kJson;
    // Event Viewer copies its tree of elements with the marks of open branches: "- <Event".
    if (text[first] == '-') first = text.find_first_not_of(kSpace, first + 1);
    if (first != std::string::npos && text[first] == '<') return EventFormat::kXml;
  }
  if (is_message_only(text)) {
    return make_error(
        ErrorCode::kUnsupported,
        "this export holds only the localised message of each event, which cannot be "
        "read reliably; export the log as .evtx, as XML (wevtutil qe Security /f:xml) "
        "or as JSON with the event's data fields");
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "not an event log: expected an EVTX file (\"ElfFile\"), XML (<Event>) or JSON "
                    "(an object or array), in UTF-8 or in UTF-16 with a byte order mark");
}

}  // namespace blockwatch
