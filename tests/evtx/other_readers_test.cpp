// What the builder writes, independent readers find as well: evtxexport (libevtx) and python3-evtx.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <regex>

#include "tests/evtx/log_fixture.h"
#include "tests/support/temp_dir.h"

namespace blockwatch::evtx {
namespace {

struct Built {
  TempDir folder;
  std::string path;
  std::vector<std::string> fields;  // "name=value" of every wanted record, as our reader finds them
  std::size_t records = 0;
};

// Neither of the two reads records without templates.
std::unique_ptr<Built> build() {
  auto built = std::make_unique<Built>();
  testing::EvtxBuilder builder;
  for (unsigned round = 0; round < 12; ++round) {
    add_every_kind(builder, testing::RecordForm::kTemplates);
    add_every_kind(builder, testing::RecordForm::kOneTemplate);
  }
  const testing::ByteVector bytes = builder.bytes();
  built->path = built->folder.write("built.evtx",
                                    {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const Reading reading = read_bytes(bytes);
  built->records = reading.report.records;
  for (const EventList& batch : reading.batches) {
    for (const Event& event : batch.events) {
      for (const RawField& f : event.raw)
        built->fields.push_back(std::string(f.name) + "=" + std::string(f.value));
    }
  }
  return built;
}

// Standard output of a command; nullopt when it does not end well.
std::optional<std::string> run(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::string out;
  char buffer[65536];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    out.append(buffer, n);
  return ::pclose(pipe) == 0 ? std::optional(out) : std::nullopt;
}

// "name=value" of every <Data> of our events in rendered XML. Hexadecimal numbers without padding.
std::vector<std::string> fields_of_xml(const std::string& xml) {
  std::vector<std::string> out;
  static const std::regex kData("<Data Name=\"([^\"]*)\">([^<]*)</Data>|<Data Name=\"([^\"]*)\"/>");
  for (std::size_t at = xml.find("<Event "); at != std::string::npos;
       at = xml.find("<Event ", at + 1)) {
    const std::string event = xml.substr(at, xml.find("</Event>", at) - at);
    if (event.find(">4624</EventID>") != std::string::npos ||
        event.find(">4688</EventID>") != std::string::npos)
      continue;
    for (std::sregex_iterator i(event.begin(), event.end(), kData), end; i != end; ++i) {
      std::string value = (*i)[2];
      if (value.starts_with("0x")) {
        const std::size_t digits = value.find_first_not_of('0', 2);
        value = "0x" + (digits == std::string::npos ? "0" : value.substr(digits));
      }
      out.push_back(((*i)[1].matched ? (*i)[1].str() : (*i)[3].str()) + "=" + value);
    }
  }
  return out;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(EvtxOtherReaders, EvtxexportFindsTheSame) {
  if (!run("command -v evtxexport")) GTEST_SKIP() << "evtxexport is not installed";
  const auto built = build();
  const auto xml = run("evtxexport -f xml " + built->path);
  ASSERT_TRUE(xml);
  EXPECT_EQ(count(*xml, "</Event>"), built->records);
  EXPECT_EQ(fields_of_xml(*xml), built->fields);
}

TEST(EvtxOtherReaders, Python3EvtxFindsTheSame) {
  if (!run("/usr/bin/python3 -c 'import Evtx.Evtx' 2>&1"))
    GTEST_SKIP() << "python3-evtx is not installed";
  const auto built = build();
  const auto xml =
      run("/usr/bin/python3 -c 'import sys, Evtx.Evtx as e\n"
          "with e.Evtx(sys.argv[1]) as log:\n"
          "    [print(r.xml()) for r in log.records()]' " +
          built->path);
  ASSERT_TRUE(xml);
  EXPECT_EQ(count(*xml, "</Event>"), built->records);
  EXPECT_EQ(fields_of_xml(*xml), built->fields);
}

}  // namespace
}  // namespace blockwatch::evtx
