#include "server/query_string.h"

#include <optional>

#include "server/utf8.h"

namespace blockwatch {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

// What is wrong with a decoded piece; empty: nothing.
std::string_view text_fault(const std::optional<std::string>& text) {
  if (!text) return "each '%' followed by two hexadecimal digits";
  if (!is_utf8(*text)) return "percent-encoded UTF-8";
  if (text->find('\0') != std::string::npos) return "text without NUL characters";
  return {};
}

// Quotes text that may be anything.
std::string quotable(std::string_view text) {
  std::string valid;
  append_valid_utf8(valid, text.substr(0, 200));
  return shorten_utf8(valid, 100);
}

}  // namespace

QueryString parse_query_string(std::string_view target) {
  QueryString result;
  std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return result;
  std::string_view rest = target.substr(mark + 1);
  rest = rest.substr(0, rest.find('#'));

  std::size_t pieces = 0;
  while (!rest.empty()) {
    std::size_t end = rest.find('&');
    std::string_view piece = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (piece.empty()) continue;
    if (++pieces > kMaxParameters) {
      result.faults.push_back(
          {"", "", "at most " + std::to_string(kMaxParameters) + " parameters; lists take commas"});
      break;
    }
    std::size_t equals = piece.find('=');
    std::string_view name_text = piece.substr(0, equals);
    std::string_view value_text =
        equals == std::string_view::npos ? std::string_view{} : piece.substr(equals + 1);
    auto name = percent_decode(name_text);
    auto value = percent_decode(value_text);
    std::string_view name_fault = text_fault(name);
    std::string_view value_fault = text_fault(value);
    if (!name_fault.empty() || !value_fault.empty()) {
      result.faults.push_back({quotable(name ? *name : name_text), quotable(value_text),
                               std::string(name_fault.empty() ? value_fault : name_fault)});
      continue;
    }
    result.parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return result;
}

void append_percent_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
}

}  // namespace blockwatch
