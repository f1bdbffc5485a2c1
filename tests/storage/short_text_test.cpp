// Short texts are compared byte for byte, and work on another thread ends as it would on this one.

#include "storage/short_text.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "storage/alongside.h"

namespace blockwatch {
namespace {

TEST(ShortText, IsTheSameWhenEveryByteIs) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string text(size, 'x');
    std::string other = text;
    EXPECT_TRUE(same_text(text, other));
    EXPECT_EQ(TextHash{}(text), TextHash{}(other));
    EXPECT_FALSE(same_text(text, other + 'x'));
    EXPECT_FALSE(same_text(other + 'x', text));
    for (std::size_t at = 0; at < size; ++at) {
      other[at] = 'y';
      EXPECT_FALSE(same_text(text, other)) << size << ' ' << at;
      EXPECT_NE(TextHash{}(text), TextHash{}(other)) << size << ' ' << at;
      other[at] = 'x';
    }
  }
  EXPECT_TRUE(same_text({}, ""));
}

TEST(Alongside, IsDoneWhenItIsFinished) {
  int done = 0;
  Alongside work([&] { done = 1; });
  work.finish();
  EXPECT_EQ(done, 1);
}

TEST(Alongside, ThrowsWhatTheWorkThrew) {
  Alongside work([] { throw std::runtime_error("no room"); });
  EXPECT_THROW(work.finish(), std::runtime_error);
}

TEST(Alongside, IsWaitedForWhenNobodyAsksForItsEnd) {
  int done = 0;
  {
    Alongside work([&] { done = 1; });
  }
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace blockwatch
