#pragma once
// Keeps every EventData name and value exactly, at the price of a few bytes a row: most values are
// another spelling of a column (a port, an address), and the rest are mostly the same few words.
// A template names, per field, where its value comes from; a row keeps only what is left.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/event.h"
#include "storage/result.h"
#include "storage/short_text.h"

namespace blockwatch {

// Numbers are part of the file format: append only.
enum class RawRule : std::uint8_t {
  kLiteral,   // in the row's bytes: length, then the text
  kInterned,  // in the row's bytes: the id of a dictionary text
  kConstant,  // in the template
  kProcessId,
  kApplication,
  kLocalAddress,
  kLocalPort,
  kRemoteAddress,
  kRemotePort,
  kProtocol,
  kFilterId,
  kLayerId,
  kInterfaceIndex,
  kUser,
  kFilterOrigin,
  kFilterName,
  kLayer,
  kHost,
  kRecordId,
  kIcmpType,
  kIcmpCode,
};

struct RawTemplateField {
  std::string name;
  RawRule rule = RawRule::kLiteral;
  std::string constant;  // for kConstant
};
using RawTemplate = std::vector<RawTemplateField>;

std::string to_bytes(const RawTemplate& raw_template);
Result<RawTemplate> parse_raw_template(std::string_view bytes);

// Chooses templates and makes a row's bytes. Bounded: a field spelled in more than kMaxConstants
// ways, or names with more than kMaxTemplates templates, fall back to literals. Not thread-safe.
class RawEncoder {
 public:
  // Gives a new template its id (1 or higher).
  using AddTemplate = std::function<std::uint32_t(const std::string& bytes)>;
  // The dictionary id of a text, or nullopt when the dictionary takes no more.
  using Intern = std::function<std::optional<std::uint32_t>(std::string_view text)>;

  static constexpr std::size_t kMaxConstants = 12;
  static constexpr std::size_t kMaxTemplates = 1024;
  static constexpr std::size_t kMinInternedBytes = 12;

  // A template stored earlier.
  void remember(std::uint32_t id, const RawTemplate& raw_template);

  // The template's id, 0 when the event has no raw fields; `row` is replaced by the row's bytes.
  std::uint32_t encode(const Event& event, const AddTemplate& add_template, const Intern& intern,
                       std::string& row);

 private:
  // What is remembered for each direction, or none: source and destination, which the fields
  // mostly name, then stand for the same columns.
  template <class T>
  using ByDirection = std::array<T, 4>;
  static std::size_t way_of(const Event& event) {
    return event.direction ? 1 + static_cast<std::size_t>(*event.direction) : 0;
  }
  struct Field {
    std::string name;
    ByDirection<std::uint8_t> last_choices{};  // those that were right last
    std::vector<std::string> constants;
  };
  struct Last {  // of the last event
    std::vector<std::uint8_t> choices;
    std::uint32_t raw_template = 0;
  };
  struct Family {  // all templates with the same names in the same order
    std::vector<Field> fields;
    std::map<std::vector<std::uint8_t>, std::uint32_t> templates;  // by choice per field
    ByDirection<Last> last;
  };

  Family& family_of(std::span<const RawField> raw);
  static bool fits(std::uint8_t choice, const Field& field, const Event& event,
                   std::string_view value);
  // Another choice than `last`, which does not fit.
  static std::uint8_t choose(std::uint8_t& last, Field& field, const Event& event,
                             std::string_view value, bool may_grow);

  // By the names, each with its length.
  std::unordered_map<std::string, Family, TextHash, std::equal_to<>> families_;
  Family* last_family_ = nullptr;      // mostly the next event's too
  std::string names_;                  // scratch
  std::vector<std::uint8_t> choices_;  // scratch
};

// What encode() was given, byte for byte. `event` holds the other fields; the result and its text
// live in `arena`. kCorrupt when the bytes do not fit the template.
using RawText = std::function<std::string_view(std::uint32_t id)>;
Result<std::span<const RawField>> decode_raw(const RawTemplate& raw_template, const Event& event,
                                             std::string_view row, const RawText& text,
                                             TextArena& arena);

}  // namespace blockwatch
