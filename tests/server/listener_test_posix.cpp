// Socket files: whose they are, and what is never taken away.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fcntl.h>

#include <filesystem>

#include "server/listener.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using testing::HasSubstr;

class UnixListenerTest : public testing::Test {
 protected:
  Result<Listener> open() const { return Listener::open({.unix_path = path_}, 5); }

  void expect_refusal(ErrorCode code, const char* why) const {
    const auto listener = open();
    ASSERT_FALSE(listener) << why;
    EXPECT_EQ(listener.error().code, code) << listener.error().message;
    EXPECT_THAT(listener.error().message, HasSubstr(why));
  }

  bool connects() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const bool connected =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::close(fd);
    return connected;
  }

  // What a program leaves behind that was killed.
  void abandon() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(fd, 1), 0);
    ::close(fd);
  }

  TempDir folder_;
  std::string path_ = folder_.path("socket");
};

TEST_F(UnixListenerTest, IsItsOwnersAloneAndGoesWithIt) {
  {
    const mode_t mask = ::umask(0);
    const auto listener = open();
    ::umask(mask);
    ASSERT_TRUE(listener) << listener.error().message;
    struct stat status {};
    ASSERT_EQ(::lstat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode, static_cast<mode_t>(S_IFSOCK | 0600));
    EXPECT_EQ(listener->address().url(), "unix:" + path_);
    EXPECT_TRUE(connects());
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, IsNeverTakenFromAProgramThatAnswers) {
  const auto first = open();
  ASSERT_TRUE(first);
  expect_refusal(ErrorCode::kConflict, "another program listens there");
  EXPECT_TRUE(connects());
}

TEST_F(UnixListenerTest, TakesOverWhatADeadProgramLeft) {
  abandon();
  ASSERT_FALSE(connects());
  const auto listener = open();
  ASSERT_TRUE(listener) << listener.error().message;
  EXPECT_TRUE(connects());
}

TEST_F(UnixListenerTest, LeavesAloneWhatIsNoSocket) {
  folder_.write("socket", "precious");
  expect_refusal(ErrorCode::kConflict, "no socket");
  std::filesystem::rename(path_, folder_.path("kept"));
  std::filesystem::create_symlink(folder_.path("kept"), path_);
  expect_refusal(ErrorCode::kConflict, "no socket");
  EXPECT_EQ(std::filesystem::file_size(folder_.path("kept")), 8U);
}

TEST_F(UnixListenerTest, LeavesAloneWhatTookItsPlace) {
  auto listener = open();
  ASSERT_TRUE(listener);
  std::filesystem::remove(path_);
  folder_.write("socket", "another's");
  { const Listener gone(std::move(*listener)); }
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, RefusesAFolderThatOthersMayChange) {
  ASSERT_EQ(::chmod(folder_.path("").c_str(), 0777), 0);
  expect_refusal(ErrorCode::kPermission, "others may change its folder");
  // In such a one nobody can take away what is another's.
  ASSERT_EQ(::chmod(folder_.path("").c_str(), 01777), 0);
  EXPECT_TRUE(open());
}

TEST_F(UnixListenerTest, WaitsForAnotherThatLooksAndNotForEver) {
  const int lock = ::open((path_ + ".lock").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  expect_refusal(ErrorCode::kConflict, "held by another program");
  ::close(lock);
  EXPECT_TRUE(open());
  EXPECT_FALSE(std::filesystem::exists(path_ + ".lock"));
}

// Anybody who may read a folder can lock it.
TEST_F(UnixListenerTest, IsNotKeptFromItsPlaceByALockedFolder) {
  const int folder = ::open(folder_.path("").c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(folder, LOCK_EX), 0);
  EXPECT_TRUE(open());
  ::close(folder);
}

TEST_F(UnixListenerTest, NamesWhatCannotBe) {
  path_ = folder_.path(std::string(200, 'x'));
  expect_refusal(ErrorCode::kInvalidArgument, "too long");
  path_ = folder_.path("no/such/folder");
  EXPECT_FALSE(open());
  const auto listener = Listener::open(
      {.unix_path = folder_.path("a"), .unix_group = "no-such-group-of-blockwatch"}, 5);
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().message, HasSubstr("no such group"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path("a")));
}

}  // namespace
}  // namespace blockwatch
