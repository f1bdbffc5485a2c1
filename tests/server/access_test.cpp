#include "server/access.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using std::chrono::seconds;

std::string header_of(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

class AccessTest : public testing::Test {
 protected:
  AccessTest() : tokens_(std::move(*TokenStore::open(folder_.path("tokens.json")))) {
    request_.path = "/api/v1/events";
    request_.host = {"127.0.0.1:8470"};
    request_.query = &query_;
    request_.peer = "127.0.0.1";
    request_.port = 8470;
    request_.identify = [this] { return PeerIdentity{standing_, "uid 7"}; };
  }

  int host_status(const Access& access, std::vector<std::string_view> host) {
    request_.host = std::move(host);
    const auto refusal = access.check_host(request_);
    return refusal ? refusal->status : 200;
  }
  int origin_status(std::vector<std::string_view> origin, std::vector<std::string_view> site = {},
                    std::string_view path = "/api/v1/events",
                    Permission permission = Permission::kRead) {
    request_.origin = std::move(origin);
    request_.sec_fetch_site = std::move(site);
    request_.path = path;
    const auto refusal = access_.check_origin(request_, permission);
    return refusal ? refusal->status : 200;
  }
  int token_status(const Access& access, Permission permission, const std::string& authorization) {
    request_.authorization.clear();
    if (!authorization.empty()) request_.authorization.emplace_back(authorization);
    const auto shown = access.check_token(request_, permission, now_);
    last_ = shown ? http::Response{} : shown.error();
    return shown ? 200 : last_.status;
  }
  std::string bearer(TokenScope scope) {
    return "Bearer " + *tokens_->create("token-" + std::to_string(++made_), {scope});
  }

  TempDir folder_;
  std::unique_ptr<TokenStore> tokens_;
  Sessions sessions_;
  PeerStanding standing_ = PeerStanding::kOwner;
  Access access_{{}, *tokens_, sessions_};
  Access closed_{{{}, true}, *tokens_, sessions_};
  http::Parameters query_;
  AccessRequest request_;
  Access::Clock::time_point now_{std::chrono::hours(1)};
  http::Response last_;
  int made_ = 0;
  const std::string wrong_ = "Bearer bwt_" + std::string(43, 'A');
};

TEST_F(AccessTest, TakesOurOwnNamesWithOurPort) {
  for (const char* host : {"localhost:8470", "127.0.0.1:8470", "[::1]:8470", "LocalHost:8470"}) {
    EXPECT_EQ(host_status(access_, {host}), 200) << host;
  }
  for (const char* host : {"localhost",
                           "127.0.0.1",
                           "[::1]",
                           "localhost:8471",
                           "localhost:",
                           "localhost:08470",
                           "localhost.:8470",
                           "evil.test",
                           "evil.test:8470",
                           "127.0.0.1:8470.evil.test",
                           "localhost:8470:8470",
                           "user@localhost:8470",
                           "127.0.0.2:8470",
                           "::1:8470",
                           "",
                           " ",
                           "localhost:8470/",
                           "xlocalhost:8470",
                           "[::1%lo]:8470",
                           "2130706433:8470"}) {
    EXPECT_EQ(host_status(access_, {host}), 421) << host;
  }
  EXPECT_EQ(host_status(access_, {}), 400);
  EXPECT_EQ(host_status(access_, {"localhost:8470", "localhost:8470"}), 400);
}

TEST_F(AccessTest, LeavesOutPort80AsClientsDo) {
  request_.port = 80;
  EXPECT_EQ(host_status(access_, {"localhost"}), 200);
  EXPECT_EQ(host_status(access_, {"localhost:80"}), 200);
  EXPECT_EQ(host_status(access_, {"localhost:8470"}), 421);
}

TEST_F(AccessTest, TakesConfiguredNames) {
  const Access access({{"desk.lan", "proxy.lan:443"}, false}, *tokens_, sessions_);
  EXPECT_EQ(host_status(access, {"desk.lan:8470"}), 200);
  EXPECT_EQ(host_status(access, {"DESK.lan"}), 200);
  EXPECT_EQ(host_status(access, {"proxy.lan:443"}), 200);
  EXPECT_EQ(host_status(access, {"proxy.lan"}), 421);
  EXPECT_EQ(host_status(access, {"desk.lan:1"}), 421);
}

TEST_F(AccessTest, RefusesForeignOriginsEverywhere) {
  EXPECT_EQ(origin_status({"http://127.0.0.1:8470"}), 200);
  EXPECT_EQ(origin_status({"http://localhost:8470"}), 200);
  for (const char* origin :
       {"null", "http://evil.test", "https://localhost:8470", "http://localhost:8471",
        "http://localhost", "", "localhost:8470", "http://localhost:8470.evil.test"}) {
    EXPECT_EQ(origin_status({origin}), 403) << origin;
    EXPECT_EQ(origin_status({origin}, {}, "/", Permission::kNothing), 403) << origin;
  }
  EXPECT_EQ(origin_status({"http://localhost:8470", "http://localhost:8470"}), 403);
}

TEST_F(AccessTest, RefusesRequestsOfOtherSitesOnTheApi) {
  EXPECT_EQ(origin_status({}, {"same-origin"}), 200);
  EXPECT_EQ(origin_status({}, {"none"}), 200);
  EXPECT_EQ(origin_status({}, {"same-site"}), 403);
  EXPECT_EQ(origin_status({}, {"cross-site"}), 403);
  EXPECT_EQ(origin_status({}, {"none", "cross-site"}), 403);
  // The API by its path, also where nothing is needed; a page may be linked to.
  EXPECT_EQ(origin_status({}, {"cross-site"}, "/api/v1/x", Permission::kNothing), 403);
  EXPECT_EQ(origin_status({}, {"cross-site"}, "/metrics", Permission::kRead), 403);
  EXPECT_EQ(origin_status({}, {"cross-site"}, "/", Permission::kNothing), 200);
}

TEST_F(AccessTest, LetsWhoMayReadTheLogRead) {
  for (const PeerStanding standing : {PeerStanding::kReader, PeerStanding::kOwner}) {
    standing_ = standing;
    EXPECT_EQ(token_status(access_, Permission::kRead, ""), 200);
    EXPECT_EQ(token_status(access_, Permission::kRead, bearer(TokenScope::kImport)), 200);
    for (const Permission change : {Permission::kImport, Permission::kAudit, Permission::kAdmin}) {
      EXPECT_EQ(token_status(access_, change, ""), 401);
    }
  }
}

TEST_F(AccessTest, AsksOthersForATokenAndSaysWhy) {
  standing_ = PeerStanding::kStranger;
  EXPECT_EQ(token_status(access_, Permission::kRead, ""), 401);
  EXPECT_NE(last_.body.find("uid 7"), std::string::npos) << last_.body;
  EXPECT_EQ(token_status(access_, Permission::kRead, bearer(TokenScope::kImport)), 403);
  EXPECT_EQ(token_status(access_, Permission::kRead, bearer(TokenScope::kRead)), 200);
  standing_ = PeerStanding::kUnknown;
  EXPECT_EQ(token_status(access_, Permission::kRead, ""), 401);
  EXPECT_NE(last_.body.find("cannot be told"), std::string::npos) << last_.body;
  EXPECT_EQ(token_status(access_, Permission::kNothing, ""), 200);
  request_.identify = nullptr;
  EXPECT_EQ(token_status(access_, Permission::kRead, ""), 401);
}

TEST_F(AccessTest, AsksWhoItIsOnlyWhenThatDecides) {
  int asked = 0;
  request_.identify = [&asked] {
    ++asked;
    return PeerIdentity{PeerStanding::kOwner, "uid 7"};
  };
  token_status(access_, Permission::kNothing, "");
  token_status(access_, Permission::kRead, bearer(TokenScope::kRead));
  token_status(access_, Permission::kAdmin, "");
  token_status(access_, Permission::kRead, wrong_);
  token_status(closed_, Permission::kRead, "");
  EXPECT_EQ(asked, 0);
  token_status(access_, Permission::kRead, "");
  EXPECT_EQ(asked, 1);
}

TEST_F(AccessTest, TakesSessionsLikeTokens) {
  const auto code = sessions_.make_code({"desk", {}, {TokenScope::kRead, TokenScope::kAudit}});
  const std::string session = "Bearer " + sessions_.open(*code)->bearer;
  EXPECT_EQ(token_status(closed_, Permission::kRead, session), 200);
  EXPECT_EQ(token_status(closed_, Permission::kAudit, session), 200);
  EXPECT_EQ(token_status(closed_, Permission::kAdmin, session), 403);
  query_ = {{"q", session.substr(7)}};
  EXPECT_EQ(token_status(access_, Permission::kRead, ""), 400) << "not in an address either";
}

TEST_F(AccessTest, EndsASessionWithItsToken) {
  const auto token = tokens_->create("desk", {TokenScope::kAdmin});
  const auto info = tokens_->find(*token);
  const auto code = sessions_.make_code({"desk", info->id, info->scopes});
  const std::string session = "Bearer " + sessions_.open(*code)->bearer;
  EXPECT_EQ(token_status(closed_, Permission::kAdmin, session), 200);
  ASSERT_TRUE(tokens_->revoke("desk"));
  EXPECT_EQ(token_status(closed_, Permission::kAdmin, session), 401);
}

TEST_F(AccessTest, TakesATicketOnceAndOnStreamsOnly) {
  const auto ticket = sessions_.make_ticket({"desk", {}, {TokenScope::kRead}}, now_);
  query_ = {{"ticket", *ticket}};
  EXPECT_EQ(token_status(closed_, Permission::kRead, ""), 401) << "no route for tickets";
  request_.takes_ticket = true;
  EXPECT_EQ(token_status(closed_, Permission::kRead, ""), 200);
  EXPECT_EQ(token_status(closed_, Permission::kRead, ""), 401) << "used up";
  EXPECT_EQ(token_status(access_, Permission::kRead, ""), 401) << "wrong, though none is needed";
  query_ = {{"ticket", *sessions_.make_ticket({"desk", {}, {TokenScope::kRead}}, now_)}};
  now_ += Sessions::kTicketLife;
  EXPECT_EQ(token_status(closed_, Permission::kRead, ""), 401) << "too late";
}

TEST_F(AccessTest, NeedsATokenToReadWhenToldSo) {
  EXPECT_EQ(token_status(closed_, Permission::kRead, ""), 401);
  EXPECT_EQ(token_status(closed_, Permission::kNothing, ""), 200);
  EXPECT_EQ(token_status(closed_, Permission::kRead, bearer(TokenScope::kRead)), 200);
  EXPECT_EQ(token_status(closed_, Permission::kRead, bearer(TokenScope::kImport)), 403);
}

TEST_F(AccessTest, NeedsTheScopeOfAChange) {
  const std::string import = bearer(TokenScope::kImport);
  EXPECT_EQ(token_status(access_, Permission::kImport, ""), 401);
  EXPECT_EQ(header_of(last_, "WWW-Authenticate"), "Bearer realm=\"blockwatch\"");
  EXPECT_EQ(token_status(access_, Permission::kImport, import), 200);
  EXPECT_EQ(token_status(access_, Permission::kAudit, import), 403);
  EXPECT_EQ(token_status(access_, Permission::kAdmin, import), 403);
  EXPECT_EQ(token_status(access_, Permission::kAudit, bearer(TokenScope::kAudit)), 200);
  const std::string admin = bearer(TokenScope::kAdmin);
  for (const Permission permission :
       {Permission::kRead, Permission::kImport, Permission::kAudit, Permission::kAdmin}) {
    EXPECT_EQ(token_status(access_, permission, admin), 200);
    EXPECT_EQ(token_status(closed_, permission, admin), 200);
  }
}

TEST_F(AccessTest, RefusesWrongTokensEvenWhereNoneIsNeeded) {
  EXPECT_EQ(token_status(access_, Permission::kRead, wrong_), 401);
  EXPECT_EQ(token_status(access_, Permission::kNothing, wrong_), 200);
  const std::string admin = bearer(TokenScope::kAdmin);
  EXPECT_EQ(token_status(access_, Permission::kAdmin, "Basic " + admin.substr(7)), 401);
  EXPECT_EQ(token_status(access_, Permission::kAdmin, admin.substr(7)), 401);
  EXPECT_EQ(token_status(access_, Permission::kAdmin, "Bearer"), 401);
  EXPECT_EQ(token_status(access_, Permission::kAdmin, admin + "x"), 401);
  EXPECT_EQ(token_status(access_, Permission::kAdmin, "bearer " + admin.substr(7)), 200);
  // Two are none.
  request_.authorization = {admin, admin};
  EXPECT_EQ(access_.check_token(request_, Permission::kAdmin, now_).error().status, 401);
}

TEST_F(AccessTest, RefusesTokensInTheQuery) {
  for (const char* name : {"token", "access_token", "api_key"}) {
    query_ = {{"limit", "1"}, {name, "x"}};
    EXPECT_EQ(token_status(access_, Permission::kNothing, ""), 400) << name;
  }
  query_ = {{"q", "bwt_" + std::string(43, 'x')}};
  EXPECT_EQ(token_status(access_, Permission::kRead, ""), 400);
  query_ = {{"q", "bwt_short"}};
  EXPECT_EQ(token_status(access_, Permission::kRead, ""), 200);
}

TEST_F(AccessTest, SlowsGuessingWithoutLockingOut) {
  const std::string right = bearer(TokenScope::kAdmin);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(token_status(access_, Permission::kAdmin, wrong_), 401);
    now_ += seconds(1);
  }
  EXPECT_EQ(token_status(access_, Permission::kAdmin, wrong_), 429);
  EXPECT_EQ(header_of(last_, "Retry-After"), "50");
  EXPECT_EQ(token_status(access_, Permission::kAdmin, right), 200);
  EXPECT_EQ(token_status(access_, Permission::kAdmin, ""), 401) << "nothing was guessed";
  request_.peer = "192.0.2.1";
  EXPECT_EQ(token_status(access_, Permission::kAdmin, wrong_), 401) << "another peer";
  request_.peer = "127.0.0.1";
  now_ += seconds(50);
  EXPECT_EQ(token_status(access_, Permission::kAdmin, wrong_), 401) << "the first has expired";
  EXPECT_EQ(token_status(access_, Permission::kAdmin, wrong_), 429);
}

TEST_F(AccessTest, AnswersToTheAddressItWasReachedAt) {
  request_.address = "192.0.2.7";
  EXPECT_EQ(host_status(access_, {"192.0.2.7:8470"}), 200);
  EXPECT_EQ(host_status(access_, {"192.0.2.8:8470"}), 421);
  EXPECT_EQ(host_status(access_, {"192.0.2.7"}), 421);
  request_.address = "2001:db8::7";
  EXPECT_EQ(host_status(access_, {"[2001:db8::7]:8470"}), 200);
  EXPECT_EQ(host_status(access_, {"2001:db8::7:8470"}), 421);
  request_.address = "";
  EXPECT_EQ(host_status(access_, {":8470"}), 421);
}

TEST_F(AccessTest, OverTlsAnOriginIsHttps) {
  request_.tls = true;
  EXPECT_EQ(origin_status({"https://127.0.0.1:8470"}), 200);
  EXPECT_EQ(origin_status({"http://127.0.0.1:8470"}), 403);
  EXPECT_EQ(host_status(access_, {"127.0.0.1"}), 421);
  request_.port = 443;
  EXPECT_EQ(host_status(access_, {"127.0.0.1"}), 200);
  request_.port = 80;
  EXPECT_EQ(host_status(access_, {"127.0.0.1"}), 421);
}

}  // namespace
}  // namespace blockwatch
