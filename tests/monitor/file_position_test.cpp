#include "monitor/file_position.h"

#include <gtest/gtest.h>

#include "storage/file_path.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

TEST(FilePositionTest, SurvivesItsText) {
  const FilePosition position{.record_id = 18'446'744'073'709'551'615U,
                              .state = {5, -7},
                              .path = "/a path/with spaces.evtx"};
  EXPECT_EQ(parse_file_position(to_text(position)), position);
}

TEST(FilePositionTest, OtherTextIsNoPosition) {
  for (const char* text : {"", "1", "1 2 3", "2 1 2 3 /x", "1 x 2 3 /x", "1 1 2 3"}) {
    EXPECT_FALSE(parse_file_position(text)) << text;
  }
}

TEST(FileStateTest, ChangesWithTheFile) {
  const TempDir dir;
  EXPECT_FALSE(file_state(dir.path("none")));
  dir.write("file", "one");
  const auto before = file_state(dir.path("file"));
  ASSERT_TRUE(before);
  EXPECT_EQ(before->size, 3U);
  dir.write("file", "three");
  EXPECT_NE(file_state(dir.path("file")), before);
}

TEST(FileStateTest, PathsBecomeAbsolute) {
  EXPECT_EQ(to_path(absolute_path("/a/b/../c")).relative_path(), to_path("a/c"));
  EXPECT_EQ(to_path(absolute_path("x")).filename(), to_path("x"));
  EXPECT_TRUE(to_path(absolute_path("x")).is_absolute());
}

}  // namespace
}  // namespace blockwatch
