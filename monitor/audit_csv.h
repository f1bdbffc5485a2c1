#pragma once
// The file of `auditpol /backup`: seven columns, one row per subcategory, then options and per-user
// rows. Header and setting words are localised, so rows are read by position, GUID and number.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/audit_policy.h"
#include "monitor/text_encoding.h"
#include "storage/result.h"

namespace blockwatch {

inline constexpr std::size_t kMaxAuditCsvBytes = std::size_t{1} << 20U;

// What is not understood (options, per-user rows, subcategories of a newer Windows, columns beyond
// the seventh) is kept byte for byte, and so are encoding and line ends.
class AuditCsv {
 public:
  // kCorrupt: not such a file, or damaged; the message names the lines.
  static Result<AuditCsv> parse(std::string_view bytes);

  static AuditCsv make(std::string_view machine, const AuditPolicy& policy);

  const AuditPolicy& policy() const { return policy_; }
  // Changes the subcategory's row, or adds one.
  void set(AuditId id, AuditFlags flags);
  std::string bytes() const;

 private:
  // Empty: the line is fine.
  std::string take_line(std::size_t index);
  std::string_view setting_word(AuditFlags flags) const;

  TextEncoding encoding_ = TextEncoding::kPlain;
  std::vector<std::string> lines_;  // with their ends
  std::array<std::optional<std::size_t>, kAuditSubcategories> line_of_{};
  // As fields, quotes included: the words of the file by setting value, and its machine.
  std::array<std::string, 4> words_;
  std::string machine_;
  AuditPolicy policy_;
};

}  // namespace blockwatch
