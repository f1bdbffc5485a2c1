#include "server/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

Route route(std::string_view method, std::string_view pattern, std::string_view operation_id) {
  Route result;
  result.method = method;
  result.pattern = pattern;
  result.operation_id = operation_id;
  return result;
}

class RouterTest : public testing::Test {
 protected:
  std::string_view operation(std::string_view method, std::string_view path) const {
    const Match match = router_.match(method, path);
    return match.route == nullptr ? std::string_view{} : match.route->operation_id;
  }

  const Router router_{{
      route("GET", "/", "root"),
      route("GET", "/events", "list"),
      route("GET", "/events/{id}", "one"),
      route("GET", "/events/stream", "stream"),
      route("POST", "/imports", "import"),
      route("GET", "/imports/{id}", "job"),
      route("GET", "/fields/{field}/values", "values"),
      route("GET", "/{kind}/{id}/raw", "raw"),
      route("GET", "/fields/{field}/raw", "field_raw"),
      route("GET", "/settings", "settings"),
      route("PATCH", "/settings", "change_settings"),
  }};
};

TEST_F(RouterTest, FindsLiteralsAndValues) {
  EXPECT_EQ(operation("GET", "/"), "root");
  EXPECT_EQ(operation("GET", "/events"), "list");
  EXPECT_EQ(operation("GET", "/events/17"), "one");
  EXPECT_EQ(operation("PATCH", "/settings"), "change_settings");
  EXPECT_THAT(router_.match("GET", "/events/17").path_values, ElementsAre(Pair("id", "17")));
  EXPECT_THAT(router_.match("GET", "/a/b/raw").path_values,
              ElementsAre(Pair("id", "b"), Pair("kind", "a")));
}

TEST_F(RouterTest, PrefersLiteralsWhateverTheOrder) {
  EXPECT_EQ(operation("GET", "/events/stream"), "stream");
  EXPECT_EQ(operation("GET", "/fields/host/raw"), "field_raw");
  EXPECT_EQ(operation("GET", "/events/host/raw"), "raw");
  EXPECT_THAT(router_.match("GET", "/events/stream").path_values, IsEmpty());
}

TEST_F(RouterTest, TakesHeadAsGet) {
  EXPECT_EQ(operation("HEAD", "/events/17"), "one");
  EXPECT_EQ(operation("HEAD", "/imports"), "");
}

TEST_F(RouterTest, TellsTheMethodsOfAKnownPath) {
  EXPECT_THAT(router_.match("DELETE", "/events/17").allowed, ElementsAre("GET", "HEAD", "OPTIONS"));
  EXPECT_THAT(router_.match("GET", "/imports").allowed, ElementsAre("POST", "OPTIONS"));
  EXPECT_THAT(router_.match("PUT", "/settings").allowed,
              ElementsAre("GET", "HEAD", "PATCH", "OPTIONS"));
  EXPECT_EQ(router_.match("GET", "/imports").route, nullptr);
}

TEST_F(RouterTest, KnowsNoOtherPaths) {
  for (const char* path : {"", "/nothing", "/events/", "/events/1/2", "//", "/Events", "events",
                           "/fields//values", "/fields/host/values/", "/events/{id}/x"}) {
    const Match match = router_.match("GET", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_THAT(match.allowed, IsEmpty()) << path;
  }
}

}  // namespace
}  // namespace blockwatch
