#include "monitor/audit_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace blockwatch {
namespace {

using testing::HasSubstr;

// As auditpol /backup writes it: options and global lists behind the subcategories.
constexpr std::string_view kHeader =
    "Machine Name,Policy Target,Subcategory,Subcategory GUID,Inclusion Setting,Exclusion "
    "Setting,Setting Value\r\n";
constexpr std::string_view kConnectionRow =
    "PC01,System,Filtering Platform Connection,{0CCE9226-69AE-11D9-BED3-505054503030},No "
    "Auditing,,0\r\n";
constexpr std::string_view kLogonRow =
    "PC01,System,Special Logon,{0CCE921B-69AE-11D9-BED3-505054503030},Success and Failure,,3\r\n";
constexpr std::string_view kRest =
    "PC01,,Option:CrashOnAuditFail,,Disabled,,0\r\n"
    "PC01,S-1-5-21-1-2-3-500,Logon,{0CCE9215-69AE-11D9-BED3-505054503030},,Success,2,more\r\n"
    "PC01,System,From a later Windows,{0CCE92FF-69AE-11D9-BED3-505054503030},Sometimes,,9\r\n"
    "PC01,,FileGlobalSacl,,,,\r\n";

std::string sample() {
  return std::string(kHeader) + std::string(kConnectionRow) + std::string(kLogonRow) +
         std::string(kRest);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string in_utf16(std::string_view ascii, bool big) {
  std::string bytes(big ? "\xFE\xFF" : "\xFF\xFE");
  for (const char c : ascii) {
    if (big) bytes += '\0';
    bytes += c;
    if (!big) bytes += '\0';
  }
  return bytes;
}

std::string fault_of(std::string_view bytes) {
  const auto csv = AuditCsv::parse(bytes);
  if (csv) return "no fault";
  EXPECT_EQ(csv.error().code, ErrorCode::kCorrupt);
  return csv.error().message;
}

TEST(AuditCsv, ReadsWhatAuditpolWrites) {
  const auto csv = AuditCsv::parse(sample());
  ASSERT_TRUE(csv) << csv.error().message;
  AuditPolicy expected;
  expected.at(kAuditConnection) = AuditFlags{false, false};
  expected.at(0x1B - kFirstAuditGuidByte) = AuditFlags{true, true};
  EXPECT_EQ(csv->policy(), expected);
  EXPECT_EQ(csv->bytes(), sample());
}

TEST(AuditCsv, ChangesOneRowAndKeepsEveryOtherByte) {
  auto csv = AuditCsv::parse(sample());
  ASSERT_TRUE(csv);
  csv->set(kAuditConnection, {false, true});
  EXPECT_EQ(csv->bytes(), replaced(sample(), "No Auditing,,0", "Failure,,2"));
  csv->set(kAuditPacketDrop, {true, false});
  const std::string row =
      "PC01,System,Filtering Platform Packet "
      "Drop,{0CCE9225-69AE-11D9-BED3-505054503030},Success,,1\r\n";
  EXPECT_EQ(csv->bytes(), replaced(replaced(sample(), "No Auditing,,0", "Failure,,2"),
                                   "PC01,,Option:", row + "PC01,,Option:"));
}

TEST(AuditCsv, ReadsByPositionInAnyLanguage) {
  const std::string german =
      "Computername,Richtlinienziel,Unterkategorie,Unterkategorie-GUID,Aufnahmeeinstellung,"
      "Ausschlusseinstellung,Einstellungswert\n"
      "\"PC,01\",System,\"Filterplattform \"\"Verbindung\"\"\",{0cce9226-69ae-11d9-bed3-"
      "505054503030},Fehler,,2\n"
      "PC01,System,Anmelden,{0CCE9215-69AE-11D9-BED3-505054503030},Keine \xDC"
      "berwachung,,0";
  auto csv = AuditCsv::parse(german);
  ASSERT_TRUE(csv) << csv.error().message;
  EXPECT_EQ(csv->policy().at(kAuditConnection), (AuditFlags{false, true}));
  // The word for "off" is the one of the file; the last line has no end and gets one.
  csv->set(kAuditConnection, {});
  csv->set(kAuditPacketDrop, {false, true});
  const std::string expected = replaced(german, "Fehler,,2",
                                        "Keine \xDC"
                                        "berwachung,,0") +
                               "\r\n\"PC,01\",System,Filtering Platform Packet "
                               "Drop,{0CCE9225-69AE-11D9-BED3-505054503030},Fehler,,2\r\n";
  EXPECT_EQ(csv->bytes(), expected);
}

TEST(AuditCsv, ALastLineWithHalfAnEndGetsTheRest) {
  auto csv = AuditCsv::parse(std::string(kHeader) +
                             std::string(kConnectionRow.substr(0, kConnectionRow.size() - 1)));
  ASSERT_TRUE(csv) << csv.error().message;
  csv->set(kAuditPacketDrop, {false, true});
  const auto again = AuditCsv::parse(csv->bytes());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->policy(), csv->policy());
}

TEST(AuditCsv, KeepsEncodings) {
  for (const std::string& bytes :
       {"\xEF\xBB\xBF" + sample(), in_utf16(sample(), false), in_utf16(sample(), true)}) {
    auto csv = AuditCsv::parse(bytes);
    ASSERT_TRUE(csv) << csv.error().message;
    EXPECT_EQ(csv->bytes(), bytes);
    csv->set(kAuditConnection, {true, true});
    const auto again = AuditCsv::parse(csv->bytes());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->policy(), csv->policy());
  }
}

TEST(AuditCsv, CharactersBeyondTheFirstPlaneSurviveUtf16) {
  const DecodedText text{TextEncoding::kUtf16Big, "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x94\xA5"};
  const std::string bytes = encode_text(text);
  EXPECT_EQ(bytes, std::string("\xFE\xFF\0a\0\xFC\x20\xAC\xD8\x3D\xDD\x25", 12));
  const auto back = decode_text(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->text, text.text);
}

TEST(AuditCsv, RandomPoliciesSurviveTheFile) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    AuditPolicy policy;
    policy.at(random() % kAuditSubcategories) = AuditFlags{};  // at least one row
    for (auto& flags : policy) {
      if (random() % 4 != 0) flags = AuditFlags{random() % 2 == 0, random() % 2 == 0};
    }
    AuditCsv csv = AuditCsv::make("PC \"0,1\"", policy);
    for (int i = 0; i < 10; ++i) {
      const auto id = static_cast<AuditId>(random() % kAuditSubcategories);
      const AuditFlags flags{random() % 2 == 0, random() % 2 == 0};
      policy.at(id) = flags;
      csv.set(id, flags);
      EXPECT_EQ(csv.policy(), policy);
    }
    const auto read = AuditCsv::parse(csv.bytes());
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->policy(), policy);
    ASSERT_EQ(read->bytes(), csv.bytes());
    ASSERT_EQ(parse_digits(to_digits(policy)), policy);
  }
}

TEST(AuditCsv, NamesDamageByItsLine) {
  const std::string text = sample();
  EXPECT_THAT(fault_of(replaced(text, "Auditing,,0", "Auditing,,4")),
              HasSubstr("line 2: column 7: expected 0 to 3, found \"4\""));
  EXPECT_THAT(fault_of(replaced(text, "Auditing,,0", "Auditing,,")), HasSubstr("line 2: column 7"));
  EXPECT_THAT(fault_of(replaced(text, "Failure,,3", "Failure")),
              HasSubstr("line 3: expected 7 columns, found 5"));
  EXPECT_THAT(fault_of(replaced(text, "{0CCE9226", "{0CCX9226")),
              HasSubstr("line 2: column 4: expected a GUID"));
  EXPECT_THAT(fault_of(replaced(text, "{0CCE921B", "{0CCE9226")),
              HasSubstr("line 3: the same subcategory as line 2"));
  EXPECT_THAT(fault_of(replaced(text, "Special Logon", "\"Special Logon")),
              HasSubstr("line 3: a quote"));
  EXPECT_THAT(fault_of(replaced(replaced(text, "Auditing,,0", "Auditing,,4"), "Failure,,3", "3")),
              testing::AllOf(HasSubstr("line 2: "), HasSubstr("; line 3: ")));
  EXPECT_THAT(fault_of(replaced(text, "PC01,System,Sp", std::string("PC01\0,System,Sp", 15))),
              HasSubstr("NUL"));
}

TEST(AuditCsv, RefusesOtherFiles) {
  EXPECT_THAT(fault_of(""), HasSubstr("no row of a known subcategory"));
  EXPECT_THAT(fault_of(kHeader), HasSubstr("no row of a known subcategory"));
  EXPECT_THAT(fault_of("{\"success\":true}\n"), HasSubstr("line 1: expected 7 columns"));
  EXPECT_THAT(fault_of(std::string(kMaxAuditCsvBytes + 1, ',')), HasSubstr("larger than 1 MiB"));
  EXPECT_THAT(fault_of(in_utf16(sample(), false).substr(0, 101)), HasSubstr("within a character"));
  EXPECT_THAT(fault_of(std::string("\xFF\xFE\x01\xDC", 4)), HasSubstr("surrogate"));
  EXPECT_THAT(fault_of(std::string("\xFF\xFE\x01\xD8\x41\x00", 6)), HasSubstr("surrogate"));
  const auto many = fault_of(std::string(30, '\n') + [] {
    std::string lines;
    for (int i = 0; i < 25; ++i) lines += "a,b\n";
    return lines;
  }());
  EXPECT_THAT(many, testing::AllOf(HasSubstr("line 31: "), HasSubstr("; 15 more")));
}

TEST(AuditPolicyTable, HasEverySubcategoryOnce) {
  std::array<int, kAuditSubcategories> seen{};
  std::vector<std::string_view> categories;
  for (const AuditSubcategory& row : audit_subcategories()) {
    ++seen.at(row.id);
    EXPECT_EQ(&audit_subcategory(row.id), &row);
    EXPECT_EQ(find_audit_subcategory(audit_slug(row.id)), row.id);
    EXPECT_EQ(find_audit_subcategory(audit_guid(row.id)), row.id);
    if (categories.empty() || categories.back() != row.category) categories.push_back(row.category);
  }
  EXPECT_THAT(seen, testing::Each(1));
  EXPECT_EQ(categories.size(), 9U);
  EXPECT_EQ(audit_guid(kAuditConnection), "{0CCE9226-69AE-11D9-BED3-505054503030}");
  EXPECT_EQ(audit_slug(kAuditConnection), "filtering-platform-connection");
  EXPECT_EQ(audit_slug(kAuditPacketDrop), "filtering-platform-packet-drop");
  EXPECT_EQ(audit_slug(0x47 - kFirstAuditGuidByte), "user-device-claims");
  EXPECT_EQ(find_audit_subcategory("0cce9226-69ae-11d9-bed3-505054503030"), kAuditConnection);
  EXPECT_FALSE(find_audit_subcategory("{0CCE924B-69AE-11D9-BED3-505054503030}"));
  for (const char* other :
       {"", "{}", "{0CCE9226-69AE-11D9-BED3-505054503030", "0CCE92",
        "0CCE920F-69AE-11D9-BED3-505054503030", "0CCE92x1-69AE-11D9-BED3-505054503030",
        "0CCE922x-69AE-11D9-BED3-505054503030", "0CCE92-1-69AE-11D9-BED3-505054503030"}) {
    EXPECT_FALSE(find_audit_subcategory(other)) << other;
  }
}

TEST(AuditPolicyTable, RefusesOtherDigits) {
  EXPECT_TRUE(parse_digits(std::string(59, '-')));
  EXPECT_FALSE(parse_digits(std::string(58, '-')));
  EXPECT_FALSE(parse_digits(std::string(58, '-') + "4"));
}

}  // namespace
}  // namespace blockwatch
