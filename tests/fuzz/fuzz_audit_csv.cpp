// A file of auditpol from anywhere: reading ends, what was read is written back as it was, and a
// change changes what was asked for and nothing else.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "monitor/audit_csv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blockwatch;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto csv = AuditCsv::parse(bytes);
  if (!csv) {
    if (csv.error().message.empty()) std::abort();
    return 0;
  }
  if (csv->bytes() != bytes) std::abort();
  AuditPolicy expected = csv->policy();
  const auto id = static_cast<AuditId>(size % kAuditSubcategories);
  expected.at(id) = AuditFlags{size % 2 == 0, size % 3 == 0};
  csv->set(id, *expected.at(id));
  const auto again = AuditCsv::parse(csv->bytes());
  if (!again || again->policy() != expected) std::abort();
  return 0;
}
