#include "server/page_cache.h"

#include "tests/server/api_fixture.h"

namespace blockwatch {
namespace {

TEST(PageCacheTest, GivesAnAnswerWhileTheStoreIsTheSame) {
  PageCache cache;
  cache.keep("/a", {5, 0}, {"body", "link"});
  ASSERT_NE(cache.find("/a", {5, 0}), nullptr);
  EXPECT_EQ(cache.find("/a", {5, 0})->body, "body");
  EXPECT_EQ(cache.find("/a", {5, 0})->link, "link");
  EXPECT_EQ(cache.find("/b", {5, 0}), nullptr);
  EXPECT_EQ(cache.find("/a", {5, 1}), nullptr) << "retention took a row";
  EXPECT_EQ(cache.find("/a", {5, 0}), nullptr) << "what was outdated once is gone";
  cache.keep("/a", {5, 1}, {"old", ""});
  cache.keep("/a", {6, 1}, {"new", ""});
  EXPECT_EQ(cache.find("/a", {6, 1})->body, "new");
}

TEST(PageCacheTest, RemembersForAWhileWhatWasAsked) {
  PageCache cache;
  EXPECT_FALSE(cache.is_asked_again("/a"));
  EXPECT_TRUE(cache.is_asked_again("/a"));
  for (std::size_t i = 0; i < 2 * PageCache::kMostEntries; ++i) {
    EXPECT_FALSE(cache.is_asked_again("/" + std::to_string(i)));
  }
  EXPECT_FALSE(cache.is_asked_again("/a"));
}

TEST(PageCacheTest, KeepsWhatWasUsedLastWithinItsBounds) {
  PageCache cache;
  for (std::size_t i = 0; i < PageCache::kMostEntries; ++i) {
    cache.keep("/" + std::to_string(i), {1, 0}, {"x", ""});
  }
  EXPECT_NE(cache.find("/0", {1, 0}), nullptr);
  cache.keep("/more", {1, 0}, {"x", ""});
  EXPECT_NE(cache.find("/0", {1, 0}), nullptr);
  EXPECT_EQ(cache.find("/1", {1, 0}), nullptr);

  const std::string large(PageCache::kMostBytes / 2, 'x');
  cache.keep("/large", {1, 0}, {large, ""});
  EXPECT_NE(cache.find("/large", {1, 0}), nullptr);
  cache.keep("/large2", {1, 0}, {large, ""});
  EXPECT_NE(cache.find("/large2", {1, 0}), nullptr);
  EXPECT_EQ(cache.find("/more", {1, 0}), nullptr) << "no room is left beside these two";
  cache.keep("/huge", {1, 0}, {large + "x", ""});
  EXPECT_EQ(cache.find("/huge", {1, 0}), nullptr);
}

class KeptPages : public ApiTest {
 protected:
  bool is_kept(const std::string& target) {
    auto reader = readers_->borrow();
    return context_->pages->find(target, *store_version(**reader)) != nullptr;
  }
};

TEST_F(KeptPages, FollowTheStore) {
  const std::string target = "/api/v1/events?limit=3&order=asc&fields=seq";
  store(1, 5);
  const http::Response first = get(target);
  EXPECT_FALSE(is_kept(target)) << "most pages are asked once";
  EXPECT_EQ(get(target).body, first.body);
  EXPECT_TRUE(is_kept(target));
  const http::Response again = get(target);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.content_type, first.content_type);
  EXPECT_EQ(header_of(again, "Link"), header_of(first, "Link"));
  EXPECT_NE(header_of(again, "Link"), "");
  store(6, 6);
  EXPECT_FALSE(is_kept(target));
  EXPECT_EQ(get_json(target)["newest_seq"], 6);
  ASSERT_TRUE(store_->delete_oldest(2, kMaxTimestamp));
  EXPECT_EQ(seqs(get_json(target)), (std::vector<std::uint64_t>{3, 4, 5}));
  EXPECT_TRUE(is_kept(target));
}

TEST_F(KeptPages, NotWhenTheirTimePasses) {
  store(1, 5);
  for (const char* target : {"/api/v1/events?since=15m", "/api/v1/events?until=15m"}) {
    for (int i = 0; i < 2; ++i) EXPECT_EQ(get(target).status, 200);
    EXPECT_FALSE(is_kept(target)) << target;
  }
  const std::string lasting = "/api/v1/events?since=2020-01-01T00:00:00Z";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get(lasting).status, 200);
  EXPECT_TRUE(is_kept(lasting));
}

TEST_F(KeptPages, AnErrorIsNotOne) {
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get("/api/v1/events?limit=0").status, 400);
  EXPECT_FALSE(is_kept("/api/v1/events?limit=0"));
}

}  // namespace
}  // namespace blockwatch
