#include "monitor/audit_csv.h"

#include <algorithm>
#include <utility>

namespace blockwatch {
namespace {

constexpr std::string_view kHeader =
    "Machine Name,Policy Target,Subcategory,Subcategory GUID,Inclusion Setting,Exclusion "
    "Setting,Setting Value";
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::array<std::string_view, 4> kEnglish{"No Auditing", "Success", "Failure",
                                                   "Success and Failure"};
constexpr std::size_t kMostDamage = 10;

enum Column : std::size_t { kMachine, kTarget, kName, kGuid, kInclusion, kExclusion, kValue };
constexpr std::size_t kColumns = 7;

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Without its line end.
std::string_view content_of(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The fields as they stand, quotes included. Nothing: a quote is not closed, or text follows it.
std::optional<std::vector<std::string_view>> split(std::string_view line) {
  std::vector<std::string_view> fields;
  std::size_t begin = 0;
  for (;;) {
    std::size_t end = begin;
    if (line.substr(begin).starts_with('"')) {
      for (++end;; end += 2) {
        end = line.find('"', end);
        if (end == std::string_view::npos) return std::nullopt;
        if (!line.substr(end + 1).starts_with('"')) break;
      }
      ++end;
      if (end < line.size() && line[end] != ',') return std::nullopt;
    } else {
      end = std::min(line.find(',', begin), line.size());
    }
    fields.push_back(line.substr(begin, end - begin));
    if (end == line.size()) return fields;
    begin = end + 1;
  }
}

std::string_view unquoted(std::string_view field) {
  if (field.size() >= 2 && field.front() == '"') field = field.substr(1, field.size() - 2);
  return trim(field);
}

std::string quoted(std::string_view text) {
  if (text.find_first_of(",\"") == std::string_view::npos) return std::string(text);
  std::string result = "\"";
  for (const char c : text) result.append(c == '"' ? 2 : 1, c);
  return result + '"';
}

bool is_guid(std::string_view text) {
  constexpr std::string_view kShape = "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}";
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  return std::ranges::equal(text, kShape, [&](char c, char wanted) {
    return wanted == 'x' ? kHex.find(c) != std::string_view::npos : c == wanted;
  });
}

// What a message may quote: short, and harmless on a terminal.
std::string shown(std::string_view text) {
  std::string result(text.substr(0, 40));
  for (char& c : result) {
    if (c < 0x20 || c == 0x7F) c = '?';
  }
  return "\"" + result + "\"";
}

unsigned value_of(AuditFlags flags) {
  return (flags.success ? 1U : 0U) + (flags.failure ? 2U : 0U);
}

std::string to_line(std::string_view machine, AuditId id, AuditFlags flags, std::string_view word) {
  return std::string(machine) + ",System," + quoted(audit_subcategory(id).name) + "," +
         audit_guid(id) + "," + std::string(word) + ",," + std::to_string(value_of(flags));
}

}  // namespace

Result<AuditCsv> AuditCsv::parse(std::string_view bytes) {
  if (bytes.size() > kMaxAuditCsvBytes) {
    return make_error(ErrorCode::kCorrupt, "the audit policy file is larger than 1 MiB");
  }
  auto decoded = decode_text(bytes);
  if (!decoded) return tl::unexpected(decoded.error());
  AuditCsv csv;
  csv.encoding_ = decoded->encoding;
  for (std::string_view rest = decoded->text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::size_t size = end == std::string_view::npos ? rest.size() : end + 1;
    csv.lines_.emplace_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  std::string damage;
  std::size_t damaged = 0;
  for (std::size_t i = 0; i < csv.lines_.size(); ++i) {
    const std::string fault = csv.take_line(i);
    if (fault.empty() || ++damaged > kMostDamage) continue;
    damage += (damage.empty() ? "line " : "; line ") + std::to_string(i + 1) + ": " + fault;
  }
  if (damaged > kMostDamage) damage += "; " + std::to_string(damaged - kMostDamage) + " more";
  if (damaged == 0 && std::ranges::none_of(csv.line_of_, [](auto l) { return l.has_value(); })) {
    damage = "no row of a known subcategory; expected the file of auditpol /backup";
  }
  if (!damage.empty()) return make_error(ErrorCode::kCorrupt, damage);
  return csv;
}

std::string AuditCsv::take_line(std::size_t index) {
  const std::string_view line = content_of(lines_[index]);
  if (line.empty()) return {};
  const auto fields = split(line);
  if (!fields) return "a quote is not closed, or text follows it";
  if (fields->size() < kColumns) {
    return "expected 7 columns, found " + std::to_string(fields->size());
  }
  const std::string_view guid = unquoted((*fields)[kGuid]);
  if (index == 0 && !guid.starts_with('{')) return {};  // the header, in any language
  // Options have no GUID; rows of single users have their SID as target.
  if (guid.empty() || unquoted((*fields)[kTarget]).starts_with("S-1-")) return {};
  if (!is_guid(guid)) return "column 4: expected a GUID, found " + shown(guid);
  const auto id = find_audit_guid(guid);
  if (!id) return {};
  const std::string_view value = unquoted((*fields)[kValue]);
  if (value.size() != 1 || value[0] < '0' || value[0] > '3') {
    return "column 7: expected 0 to 3, found " + shown(value);
  }
  if (line_of_.at(*id)) {
    return "the same subcategory as line " + std::to_string(*line_of_.at(*id) + 1);
  }
  const auto number = static_cast<unsigned>(value[0] - '0');
  line_of_.at(*id) = index;
  policy_.at(*id) = AuditFlags{(number & 1U) != 0, (number & 2U) != 0};
  words_.at(number) = (*fields)[kInclusion];
  if (machine_.empty()) machine_ = (*fields)[kMachine];
  return {};
}

AuditCsv AuditCsv::make(std::string_view machine, const AuditPolicy& policy) {
  AuditCsv csv;
  csv.machine_ = quoted(machine);
  csv.lines_.push_back(std::string(kHeader) + std::string(kLineEnd));
  for (const AuditSubcategory& row : audit_subcategories()) {
    if (const auto& flags = policy.at(row.id)) csv.set(row.id, *flags);
  }
  return csv;
}

std::string_view AuditCsv::setting_word(AuditFlags flags) const {
  const std::string& seen = words_.at(value_of(flags));
  return seen.empty() ? kEnglish.at(value_of(flags)) : std::string_view(seen);
}

void AuditCsv::set(AuditId id, AuditFlags flags) {
  policy_.at(id) = flags;
  const std::string word(setting_word(flags));
  auto& place = line_of_.at(id);
  if (place) {
    std::string& line = lines_[*place];
    const std::string_view content = content_of(line);
    const auto fields = split(content);
    if (!fields) return;  // it was split before
    std::string changed;
    for (std::size_t i = 0; i < fields->size(); ++i) {
      if (i > 0) changed += ',';
      changed += i == kInclusion ? word
                 : i == kValue   ? std::to_string(value_of(flags))
                                 : std::string((*fields)[i]);
    }
    line = changed + line.substr(content.size());
    return;
  }
  // After the last row of a subcategory: options and what else there is stay behind.
  std::size_t last = 0;
  for (const auto& known : line_of_) last = std::max(last, known.value_or(0));
  std::string& before = lines_[last];
  if (!before.ends_with('\n')) before = std::string(content_of(before)) + std::string(kLineEnd);
  const std::string end = before.substr(content_of(before).size());
  lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(last) + 1,
                to_line(machine_, id, flags, word) + end);
  place = last + 1;
}

std::string AuditCsv::bytes() const {
  std::string text;
  for (const std::string& line : lines_) text += line;
  return encode_text({encoding_, std::move(text)});
}

}  // namespace blockwatch
