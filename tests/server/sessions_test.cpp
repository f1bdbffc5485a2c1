// Codes, sessions and tickets: each as long as it lives, as often as it may be used.

#include "server/sessions.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace blockwatch {
namespace {

using std::chrono::seconds;

class SessionsTest : public testing::Test {
 protected:
  Sessions sessions_;
  Sessions::Clock::time_point now_{std::chrono::hours(1)};
  const SessionGrant grant_{"desk", "0123456789ab", {TokenScope::kRead}};
};

TEST_F(SessionsTest, OpensASessionOncePerCode) {
  const auto code = sessions_.make_code(grant_, now_);
  const auto opened = sessions_.open(*code, now_ + Sessions::kCodeLife - seconds(1));
  ASSERT_TRUE(opened);
  EXPECT_FALSE(sessions_.open(*code, now_));
  const auto found = sessions_.find(opened->bearer, now_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "desk");
  EXPECT_EQ(found->token_id, "0123456789ab");
  EXPECT_EQ(found->scopes, std::vector{TokenScope::kRead});
}

TEST_F(SessionsTest, EndsACodeAfterAMinute) {
  const auto code = sessions_.make_code(grant_, now_);
  EXPECT_FALSE(sessions_.open(*code, now_ + Sessions::kCodeLife));
}

TEST_F(SessionsTest, KeepsASessionWhileItIsUsed) {
  const auto opened = sessions_.open(*sessions_.make_code(grant_, now_), now_);
  for (int i = 0; i < 5; ++i) {
    now_ += Sessions::kIdleLife - seconds(1);
    EXPECT_TRUE(sessions_.find(opened->bearer, now_));
  }
  now_ += Sessions::kIdleLife;
  EXPECT_FALSE(sessions_.find(opened->bearer, now_));
}

TEST_F(SessionsTest, TakesEachSecretForItsOwnUseOnly) {
  const auto code = sessions_.make_code(grant_, now_);
  const auto ticket = sessions_.make_ticket(grant_, now_);
  const auto opened = sessions_.open(*sessions_.make_code(grant_, now_), now_);
  for (const std::string& secret : {*code, *ticket}) {
    EXPECT_FALSE(sessions_.find(secret, now_)) << secret;
    EXPECT_FALSE(looks_like_bearer(secret)) << secret;
  }
  EXPECT_FALSE(sessions_.take_ticket(*code, now_));
  EXPECT_FALSE(sessions_.open(*ticket, now_));
  EXPECT_TRUE(looks_like_bearer(opened->bearer));
  EXPECT_FALSE(looks_like_token(opened->bearer));
  for (const char* none : {"", "bws_", "bwe_x", "bwc_"}) {
    EXPECT_FALSE(sessions_.find(none, now_));
    EXPECT_FALSE(sessions_.take_ticket(none, now_));
    EXPECT_FALSE(sessions_.open(none, now_));
  }
}

TEST_F(SessionsTest, KeepsABoundedNumber) {
  const auto first = sessions_.open(*sessions_.make_code(grant_, now_), now_);
  std::set<std::string> bearers;
  for (std::size_t i = 0; i < Sessions::kMost; ++i) {
    now_ += seconds(1);
    bearers.insert(sessions_.open(*sessions_.make_code(grant_, now_), now_)->bearer);
  }
  EXPECT_EQ(bearers.size(), Sessions::kMost);
  EXPECT_FALSE(sessions_.find(first->bearer, now_)) << "the one that was idle longest";
  for (const std::string& bearer : bearers) EXPECT_TRUE(sessions_.find(bearer, now_));
}

}  // namespace
}  // namespace blockwatch
