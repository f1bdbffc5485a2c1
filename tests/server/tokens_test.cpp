#include "server/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/secret_file.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class TokensTest : public testing::Test {
 protected:
  std::unique_ptr<TokenStore> open() {
    auto store = TokenStore::open(path_);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  ErrorCode open_error() {
    const auto store = TokenStore::open(path_);
    EXPECT_FALSE(store);
    return store ? ErrorCode::kInternal : store.error().code;
  }
  std::string text() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void write_private(const std::string& text) const {
    ASSERT_TRUE(replace_secret_file(path_, text));
  }

  TempDir folder_;
  const std::string path_ = folder_.path("tokens.json");
};

TEST_F(TokensTest, FindsWhatItMade) {
  const auto store = open();
  const auto token = store->create("ci", {TokenScope::kImport, TokenScope::kRead});
  ASSERT_TRUE(token);
  EXPECT_TRUE(looks_like_token(*token)) << *token;
  const auto info = store->find(*token);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->name, "ci");
  EXPECT_EQ(info->id.size(), 12U);
  EXPECT_THAT(info->created, testing::MatchesRegex("....-..-..T..:..:..Z"));
  EXPECT_TRUE(info->allows(TokenScope::kImport));
  EXPECT_TRUE(info->allows(TokenScope::kRead));
  EXPECT_FALSE(info->allows(TokenScope::kAudit));
  EXPECT_FALSE(info->allows(TokenScope::kAdmin));

  std::string other = *token;
  other.back() = other.back() == 'A' ? 'E' : 'A';
  EXPECT_FALSE(store->find(other));
  EXPECT_FALSE(store->find(token->substr(0, token->size() - 1)));
  EXPECT_FALSE(store->find(*token + "A"));
  EXPECT_FALSE(store->find(""));
}

TEST_F(TokensTest, KeepsOnlyTheHash) {
  const auto token = open()->create("ci", {TokenScope::kAdmin});
  ASSERT_TRUE(token);
  EXPECT_THAT(text(), Not(HasSubstr(token->substr(kTokenPrefix.size()))));
  EXPECT_THAT(text(), HasSubstr("sha256"));
#ifndef _WIN32
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
#endif
  int files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_.path())) ++files;
  EXPECT_EQ(files, 1) << "a temporary file was left";
}

TEST_F(TokensTest, MakesADifferentTokenEachTime) {
  const auto store = open();
  std::set<std::string> tokens;
  for (int i = 0; i < 50; ++i) {
    tokens.insert(*store->create("t" + std::to_string(i), {TokenScope::kRead}));
  }
  EXPECT_EQ(tokens.size(), 50U);
}

TEST_F(TokensTest, SurvivesARestart) {
  const auto token = open()->create("ci", {TokenScope::kAudit});
  const auto info = open()->find(*token);
  ASSERT_TRUE(info);
  EXPECT_TRUE(info->allows(TokenScope::kAudit));
}

TEST_F(TokensTest, SeesChangesOfAnotherProcess) {
  const auto server = open();
  const auto command = open();
  const auto token = command->create("later", {TokenScope::kRead});
  ASSERT_TRUE(token);
  EXPECT_TRUE(server->find(*token));
  const auto second = server->create("second", {TokenScope::kRead});
  ASSERT_TRUE(command->revoke("later"));
  EXPECT_FALSE(server->find(*token));
  EXPECT_TRUE(server->find(*second)) << "the change kept what the other had made";
  fs::remove(path_);
  EXPECT_FALSE(server->find(*second));
}

// Each store stands for a process: they know nothing of each other but the file.
TEST_F(TokensTest, UndoesNoChangeOfAnotherProcess) {
  constexpr int kPrograms = 4;
  constexpr int kRounds = 10;
  const auto name = [](const char* kind, int program, int round) {
    return kind + std::to_string(program) + "-" + std::to_string(round);
  };
  std::vector<std::unique_ptr<TokenStore>> programs;
  std::multiset<std::string> expected;
  for (int p = 0; p < kPrograms; ++p) {
    programs.push_back(open());
    for (int i = 0; i < kRounds; ++i) {
      ASSERT_TRUE(programs.back()->create(name("old", p, i), {TokenScope::kRead}));
      expected.insert(name("new", p, i));
    }
  }
  {
    std::vector<std::jthread> threads;
    for (int p = 0; p < kPrograms; ++p) {
      threads.emplace_back([&, p] {
        for (int i = 0; i < kRounds; ++i) {
          EXPECT_TRUE(programs.at(static_cast<std::size_t>(p))->revoke(name("old", p, i)));
          EXPECT_TRUE(programs.at(static_cast<std::size_t>(p))
                          ->create(name("new", p, i), {TokenScope::kRead}));
        }
      });
    }
  }
  std::multiset<std::string> names;
  const auto list = open()->list();
  ASSERT_TRUE(list);
  for (const TokenInfo& token : *list) names.insert(token.name);
  EXPECT_EQ(names, expected);
  EXPECT_FALSE(fs::exists(path_ + ".lock"));
}

TEST_F(TokensTest, TakesOverTheLockOfADeadProcess) {
  folder_.write("tokens.json.lock", "");
  EXPECT_TRUE(open()->create("ci", {TokenScope::kRead}));
  EXPECT_FALSE(fs::exists(path_ + ".lock"));
}

TEST_F(TokensTest, RevokesByNameOrId) {
  const auto store = open();
  const auto a = store->create("a", {TokenScope::kRead});
  const auto b = store->create("b", {TokenScope::kRead});
  const auto removed = store->revoke("a");
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->name, "a");
  EXPECT_FALSE(store->find(*a));
  const std::string id = store->find(*b)->id;
  EXPECT_EQ(store->revoke(id.substr(0, 3)).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(store->revoke(id.substr(0, 4)));
  EXPECT_EQ(store->revoke("b").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store->revoke("").error().code, ErrorCode::kNotFound);
  const auto list = store->list();
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->empty());
}

TEST_F(TokensTest, RevokesNothingThatIsNotClear) {
  const std::string tail(58, '0');
  const auto entry = [&](const std::string& name, const std::string& head) {
    return R"({"name":")" + name + R"(","scopes":["read"],"created":"","sha256":")" + head + tail +
           R"("})";
  };
  write_private(R"({"version":1,"tokens":[)" + entry("a", "abcd01") + "," + entry("b", "abcd02") +
                "]}");
  const auto store = open();
  EXPECT_EQ(store->revoke("abcd").error().code, ErrorCode::kConflict);
  EXPECT_EQ(store->revoke("abcd02")->name, "b");
}

TEST_F(TokensTest, RefusesUnfitNamesAndScopes) {
  const auto store = open();
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a\n"),
                                  std::string(65, 'x'), std::string("\xC3\xA4")}) {
    EXPECT_EQ(store->create(name, {TokenScope::kRead}).error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(store->create("a", {}).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(store->create("a", {TokenScope::kRead}));
  EXPECT_EQ(store->create("a", {TokenScope::kRead}).error().code, ErrorCode::kConflict);
  EXPECT_EQ(store->list()->size(), 1U);
}

TEST_F(TokensTest, KnowsTheWordsOfScopes) {
  for (const TokenScope scope :
       {TokenScope::kRead, TokenScope::kImport, TokenScope::kAudit, TokenScope::kAdmin}) {
    EXPECT_EQ(parse_scope(to_word(scope)), scope);
  }
  EXPECT_FALSE(parse_scope("root"));
  EXPECT_FALSE(parse_scope(""));
}

#ifndef _WIN32
TEST_F(TokensTest, RefusesAFileOthersCanRead) {
  const auto store = open();
  const auto token = store->create("ci", {TokenScope::kRead});
  for (const fs::perms wide : {fs::perms::group_read, fs::perms::others_read,
                               fs::perms::group_write, fs::perms::others_exec}) {
    fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_write | wide);
    EXPECT_EQ(open_error(), ErrorCode::kPermission);
    EXPECT_EQ(store->create("x", {TokenScope::kRead}).error().code, ErrorCode::kPermission);
  }
  fs::permissions(path_, fs::perms::owner_read);
  EXPECT_TRUE(open()->find(*token));
}

TEST_F(TokensTest, NoticesThatOthersWereLetAtTheFile) {
  const auto store = open();
  const auto token = store->create("ci", {TokenScope::kRead});
  ASSERT_TRUE(store->find(*token));
  // Again and again: the system's clock for files may tick only every few milliseconds.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  do {
    fs::permissions(path_, fs::perms::owner_all | fs::perms::others_read);
  } while (store->find(*token) && std::chrono::steady_clock::now() < end);
  EXPECT_FALSE(store->find(*token));
}

TEST_F(TokensTest, RefusesAFolderOthersWriteIn) {
  const auto store = open();
  ASSERT_TRUE(store->create("ci", {TokenScope::kRead}));
  for (const fs::perms wide : {fs::perms::group_write, fs::perms::others_write}) {
    fs::permissions(folder_.path(), fs::perms::owner_all | wide);
    EXPECT_EQ(open_error(), ErrorCode::kPermission);
    EXPECT_EQ(store->create("x", {TokenScope::kRead}).error().code, ErrorCode::kPermission);
    fs::permissions(folder_.path(), fs::perms::owner_all | wide | fs::perms::sticky_bit);
    EXPECT_EQ(open()->list()->size(), 1U) << "as /tmp is";
  }
  fs::remove(path_);
  fs::permissions(folder_.path(), fs::perms::owner_all | fs::perms::group_write);
  EXPECT_EQ(open()->create("x", {TokenScope::kRead}).error().code, ErrorCode::kPermission);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(TokensTest, RefusesLinksAndFolders) {
  ASSERT_TRUE(open()->create("ci", {TokenScope::kRead}));
  const std::string real = folder_.path("real.json");
  fs::rename(path_, real);
  fs::create_symlink(real, path_);
  EXPECT_EQ(open_error(), ErrorCode::kPermission);
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_EQ(open_error(), ErrorCode::kPermission);
}
#endif

TEST_F(TokensTest, RefusesFilesThatAreNoTokenFiles) {
  for (const char* text :
       {"", "no json", "[]", "{}", R"({"version":2,"tokens":[]})", R"({"version":1})",
        R"({"version":1,"tokens":{}})", R"({"version":1,"tokens":[1]})",
        R"({"version":1,"tokens":[{"name":"a","scopes":["read"],"sha256":"12"}]})"}) {
    write_private(text);
    EXPECT_EQ(open_error(), ErrorCode::kCorrupt) << text;
  }
  write_private(std::string((std::size_t{1} << 20) + 1, ' '));
  EXPECT_EQ(open_error(), ErrorCode::kCorrupt);
  const std::string hash(64, 'a');
  write_private(R"({"version":1,"tokens":[{"name":"a","scopes":["root"],"sha256":")" + hash +
                R"("}]})");
  EXPECT_EQ(open_error(), ErrorCode::kCorrupt);
}

TEST_F(TokensTest, NeedsItsFolder) {
  auto store = TokenStore::open(folder_.path("missing/tokens.json"));
  ASSERT_TRUE(store);
  // Windows cannot tell who may write in a folder that is not there.
  const auto made = (*store)->create("a", {TokenScope::kRead});
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().code == ErrorCode::kIo || made.error().code == ErrorCode::kPermission);
}

}  // namespace
}  // namespace blockwatch
