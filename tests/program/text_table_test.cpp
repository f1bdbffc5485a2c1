#include "server/text_table.h"

#include <gtest/gtest.h>

namespace blockwatch {
namespace {

using Align = TextTable::Align;

TEST(TextTableTest, ColumnsAreAsWideAsTheirWidestCell) {
  TextTable table({{"NAME", Align::kLeft}, {"N", Align::kRight}, {"END", Align::kLeft}});
  table.add({"a", "1", "x"});
  table.add({"longer", "1000", "y"});
  EXPECT_EQ(table.text(),
            "NAME       N  END\n"
            "a          1  x\n"
            "longer  1000  y\n");
}

TEST(TextTableTest, CountsCharactersAndHidesControlCodes) {
  TextTable table({{"A", Align::kLeft}, {"B", Align::kLeft}});
  table.add({"\xc3\xa4\xc3\xb6", "1"});
  table.add({"x\x1b[2J", "2"});
  EXPECT_EQ(table.text(),
            "A      B\n"
            "\xc3\xa4\xc3\xb6     1\n"
            "x?[2J  2\n");
}

}  // namespace
}  // namespace blockwatch
