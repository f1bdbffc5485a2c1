#include "server/answer_headers.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "server/request_head.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

// Scripts, styles and connections of our own pages only; nobody may frame them.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kSecurityHeaders{{
    {"Content-Security-Policy", kContentSecurityPolicy},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"X-Frame-Options", "DENY"},
}};

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

bool is_security_header(std::string_view name) {
  return std::any_of(kSecurityHeaders.begin(), kSecurityHeaders.end(),
                     [&](const auto& header) { return equal_ignoring_case(header.first, name); });
}

void append_two_digits(std::string& text, unsigned value) {
  text.push_back(static_cast<char>('0' + value / 10 % 10));
  text.push_back(static_cast<char>('0' + value % 10));
}

}  // namespace

std::string to_http_date(Timestamp time) {
  using std::chrono::days;
  using std::chrono::seconds;
  constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_seconds second{seconds{time.ticks / Timestamp::kTicksPerSecond}};
  const auto day = std::chrono::floor<days>(second);
  const std::chrono::year_month_day date{day};
  const auto of_day = static_cast<unsigned>((second - day).count());

  std::string text{kDays[std::chrono::weekday{day}.c_encoding()]};
  text += ", ";
  append_two_digits(text, static_cast<unsigned>(date.day()));
  text += ' ';
  text += kMonths[static_cast<unsigned>(date.month()) - 1];
  text += ' ';
  text += std::to_string(static_cast<int>(date.year()));
  text += ' ';
  append_two_digits(text, of_day / 3600);
  text += ':';
  append_two_digits(text, of_day / 60 % 60);
  text += ':';
  append_two_digits(text, of_day % 60);
  text += " GMT";
  return text;
}

void add_answer_headers(http::Response& response, std::string_view path, Timestamp now) {
  auto& headers = response.headers;
  headers.erase(std::remove_if(headers.begin(), headers.end(),
                               [](const auto& header) {
                                 const bool unfit = has_control_character(header.first) ||
                                                    has_control_character(header.second);
                                 if (unfit) {
                                   spdlog::error(
                                       "an answer's header was dropped: it contains a "
                                       "control character");
                                 }
                                 return unfit || is_security_header(header.first);
                               }),
                headers.end());
  for (const auto& [name, value] : kSecurityHeaders) {
    headers.emplace_back(name, value);
  }
  headers.emplace_back("Date", to_http_date(now));
  const bool decided = std::any_of(headers.begin(), headers.end(), [](const auto& header) {
    return equal_ignoring_case(header.first, "Cache-Control");
  });
  const bool fleeting = response.status >= 400 || path.substr(0, 5) == "/api/" ||
                        path.substr(0, 7) == "/health" || path == "/metrics";
  if (!decided && fleeting) headers.emplace_back("Cache-Control", "no-store");
}

}  // namespace blockwatch
