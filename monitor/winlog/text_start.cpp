#include "monitor/winlog/text_start.h"

#include "monitor/winlog/format.h"

namespace blockwatch::winlog {

Result<bool> check_start(TextWindow& window, EventFormat format) {
  constexpr std::string_view kSpace = " \t\r\n\x1e";
  constexpr std::size_t kEnough = 512;  // to recognise the text formats that are refused
  for (;;) {
    const std::string_view text = window.text();
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) {
      window.drop(text.size());
    } else {
      const auto found = sniff_format(text.substr(first));
      if (found == format) return false;
      // An unknown start may become known with more text.
      if (found || text.size() - first >= kEnough) break;
    }
    const auto more = window.more();
    if (!more) return tl::unexpected(more.error());
    if (!*more) {
      if (window.text().find_first_not_of(kSpace) == std::string_view::npos) return true;
      break;
    }
  }
  const auto found = sniff_format(window.text());
  if (!found) return tl::unexpected(found.error());
  if (*found == format) return false;
  return make_error(ErrorCode::kInvalidArgument,
                    format == EventFormat::kXml ? "expected XML, which begins with '<'"
                                                : "expected JSON, which begins with '{' or '['");
}

}  // namespace blockwatch::winlog
