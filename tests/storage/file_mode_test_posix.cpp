// Who may read the store's files.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

TEST(StoreFileMode, OnlyTheOwnerMayReadWhatTheStoreCreates) {
  TempDir folder;
  std::string path = folder.path("events.db");
  mode_t before = ::umask(0);
  auto store = Store::open({path});
  ::umask(before);
  value_of(value_of(std::move(store))->append(records(1, 10)));
  auto again = value_of(Store::open({path}));
  value_of(again->append(records(11, 20)));
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    EXPECT_EQ(fs::status(path + suffix).permissions(),
              fs::perms::owner_read | fs::perms::owner_write)
        << suffix;
  }
}

TEST(StoreFileMode, AFileThatExistsKeepsItsMode) {
  TempDir folder;
  std::string path = folder.write("events.db", "");
  auto shared = fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read;
  fs::permissions(path, shared);
  value_of(Store::open({path}));
  EXPECT_EQ(fs::status(path).permissions(), shared);
}

TEST(StoreFileMode, ALinkIsFollowedToAFileButNotToNothing) {
  TempDir folder;
  fs::create_symlink(folder.path("real.db"), folder.path("events.db"));
  auto refused = Store::open({folder.path("events.db")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
  EXPECT_FALSE(fs::exists(folder.path("real.db")));
  folder.write("real.db", "");
  EXPECT_TRUE(Store::open({folder.path("events.db")}));
}

}  // namespace
}  // namespace blockwatch
