// Every route of the program against every check: the statuses follow from its row of the table, so
// that a new route cannot forget one; and of two faults the contract's earlier one is told.

#include "server/admission.h"

#include <chrono>

#include "server/request_head.h"
#include "tests/server/api_fixture.h"

namespace blockwatch {
namespace {

// A request that has nothing against it, until a test changes it.
struct Sent {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> lines{{"Host", "localhost:8470"}};
  PeerStanding peer = PeerStanding::kOwner;

  void set(const std::string& name, const std::string& value) {
    std::erase_if(lines, [&](const auto& line) { return line.first == name; });
    lines.emplace_back(name, value);
  }
};

// One fault, and what it is answered with.
struct FaultCase {
  const char* name;
  int status;
  void (*spoil)(Sent& sent);
};

class AdmissionTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    tokens_ = std::move(*TokenStore::open(folder_.path("tokens.json")));
    access_ = std::make_unique<Access>(AccessOptions{}, *tokens_, *context_->sessions);
    closed_ = std::make_unique<Access>(AccessOptions{{}, true}, *tokens_, *context_->sessions);
    for (const TokenScope scope :
         {TokenScope::kRead, TokenScope::kImport, TokenScope::kAudit, TokenScope::kAdmin}) {
      bearers_[scope] = "Bearer " + *tokens_->create(to_word(scope), {scope});
    }
  }

  Sent fitting(const Route& route) const {
    Sent sent{std::string(route.method), std::string(route.pattern)};
    for (std::size_t at = 0; (at = sent.target.find('{')) != std::string::npos;) {
      sent.target.replace(at, sent.target.find('}') - at + 1, "1");
    }
    if (!route.body.content_types.empty()) {
      sent.set("Content-Type", std::string(route.body.content_types.front()));
      sent.set("Content-Length", "2");
    }
    return sent;
  }

  Sent allowed(const Route& route) const {
    Sent sent = fitting(route);
    if (is_change(route)) sent.set("Authorization", bearers_.at(TokenScope::kAdmin));
    return sent;
  }

  static bool is_change(const Route& route) { return route.permission > Permission::kRead; }

  int status(const Sent& sent, const Access& access) const {
    std::string text = sent.method + ' ' + sent.target + " HTTP/1.1\r\n";
    for (const auto& [name, value] : sent.lines) text += name + ": " + value + "\r\n";
    const auto head = parse_request_head(text + "\r\n");
    if (!head) return head.error().status;
    const auto identify = [&sent] { return PeerIdentity{sent.peer, "uid 7"}; };
    const Admission admission =
        admit(*head, *router_, access, "127.0.0.1", identify, {.port = 8470});
    EXPECT_NE(admission.route != nullptr, admission.answer.has_value()) << sent.target;
    EXPECT_EQ(admission.refused, admission.answer && admission.answer->status >= 400);
    return admission.answer ? admission.answer->status : 200;
  }
  int status(const Sent& sent) const { return status(sent, *access_); }

  std::unique_ptr<TokenStore> tokens_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<Access> closed_;
  std::map<TokenScope, std::string> bearers_;
  const std::string wrong_ = "Bearer bwt_" + std::string(43, 'A');
};

std::string name_of(const Route& route) {
  return std::string(route.method) + ' ' + std::string(route.pattern);
}

TEST_F(AdmissionTest, LetsEveryRouteBeAsked) {
  for (const Route& route : router_->routes())
    EXPECT_EQ(status(allowed(route)), 200) << name_of(route);
}

// No change may be asked for by a route that asks for less than a token.
TEST_F(AdmissionTest, KnowsNoChangeWithoutAToken) {
  for (const Route& route : router_->routes()) {
    if (route.method == "GET" || is_change(route)) continue;
    const bool of_access = route.pattern == "/api/v1/session" ||
                           route.pattern == "/api/v1/session-codes" ||
                           route.pattern == "/api/v1/stream-tickets";
    EXPECT_TRUE(of_access) << name_of(route);
  }
}

TEST_F(AdmissionTest, ChecksEveryIdentityOnEveryRoute) {
  struct Identity {
    const char* name;
    std::optional<TokenScope> token;
    PeerStanding peer;
    bool wrong_token;
  };
  const std::vector<Identity> identities{
      {"nobody known", {}, PeerStanding::kUnknown, false},
      {"a stranger", {}, PeerStanding::kStranger, false},
      {"a reader", {}, PeerStanding::kReader, false},
      {"the owner", {}, PeerStanding::kOwner, false},
      {"a wrong token", {}, PeerStanding::kOwner, true},
      {"read", TokenScope::kRead, PeerStanding::kStranger, false},
      {"import", TokenScope::kImport, PeerStanding::kStranger, false},
      {"audit", TokenScope::kAudit, PeerStanding::kUnknown, false},
      {"admin", TokenScope::kAdmin, PeerStanding::kUnknown, false},
      {"import of a reader", TokenScope::kImport, PeerStanding::kReader, false},
  };
  const std::map<Permission, TokenScope> scopes{{Permission::kRead, TokenScope::kRead},
                                                {Permission::kImport, TokenScope::kImport},
                                                {Permission::kAudit, TokenScope::kAudit},
                                                {Permission::kAdmin, TokenScope::kAdmin}};
  for (const Route& route : router_->routes()) {
    for (const Identity& identity : identities) {
      for (const bool closed : {false, true}) {
        Access fresh(AccessOptions{{}, closed}, *tokens_,
                     *context_->sessions);  // counts no guesses
        Sent sent = fitting(route);
        sent.peer = identity.peer;
        if (identity.token) sent.set("Authorization", bearers_.at(*identity.token));
        if (identity.wrong_token) sent.set("Authorization", wrong_);
        int expected = 200;
        if (route.permission != Permission::kNothing) {
          const TokenScope needed = scopes.at(route.permission);
          const bool fits = identity.token == needed || identity.token == TokenScope::kAdmin;
          const bool open = needed == TokenScope::kRead && !closed && !identity.wrong_token &&
                            identity.peer >= PeerStanding::kReader;
          if (!fits && !open) expected = identity.token ? 403 : 401;
        }
        EXPECT_EQ(status(sent, fresh), expected)
            << name_of(route) << ": " << identity.name << (closed ? ", closed" : "");
      }
    }
  }
}

// In the contract's order. Each spoils a request in one way.
const std::vector<FaultCase>& faults() {
  static const std::vector<FaultCase> kFaults{
      {"transfer coding", 411, [](Sent& s) { s.set("Transfer-Encoding", "chunked"); }},
      {"path", 404, [](Sent& s) { s.target = "/api/v1/nothing"; }},
      {"method", 405, [](Sent& s) { s.method = "DELETE"; }},
      {"content coding", 415, [](Sent& s) { s.set("Content-Encoding", "br"); }},
      {"host", 421, [](Sent& s) { s.set("Host", "evil.test"); }},
      {"origin", 403, [](Sent& s) { s.set("Origin", "http://evil.test"); }},
      {"token in the query", 400, [](Sent& s) { s.target += "?token=x"; }},
      {"token", 401,
       [](Sent& s) {
         std::erase_if(s.lines, [](const auto& line) { return line.first == "Authorization"; });
         s.peer = PeerStanding::kStranger;
       }},
      {"content type", 415, [](Sent& s) { s.set("Content-Type", "text/plain"); }},
  };
  return kFaults;
}

bool applies(const FaultCase& fault, const Route& route) {
  const std::string name = fault.name;
  if (name == "token") return route.permission != Permission::kNothing;
  if (name == "content type") return !route.body.content_types.empty();
  return true;
}

TEST_F(AdmissionTest, ChecksEveryFaultOnEveryRoute) {
  for (const Route& route : router_->routes()) {
    for (const FaultCase& fault : faults()) {
      if (!applies(fault, route)) continue;
      Sent sent = allowed(route);
      fault.spoil(sent);
      EXPECT_EQ(status(sent), fault.status) << name_of(route) << ": " << fault.name;
    }
    for (const auto& [line, value] : std::vector<std::pair<std::string, std::string>>{
             {"Origin", "null"}, {"Origin", "http://localhost:8471"}, {"Host", "localhost:80"}}) {
      Sent sent = allowed(route);
      sent.set(line, value);
      EXPECT_EQ(status(sent), line == "Host" ? 421 : 403) << name_of(route) << ": " << value;
    }
    for (const char* site : {"cross-site", "same-site"}) {
      Sent sent = allowed(route);
      sent.set("Sec-Fetch-Site", site);
      const bool page =
          !route.pattern.starts_with("/api/") && route.permission == Permission::kNothing;
      EXPECT_EQ(status(sent), page ? 200 : 403) << name_of(route) << ": " << site;
    }
    Sent large = allowed(route);
    large.set("Content-Length", std::to_string(route.body.max_bytes + 1));
    EXPECT_EQ(status(large), route.method == "GET" ? 400 : 413) << name_of(route);
    Sent twice = allowed(route);
    twice.lines.emplace_back("Host", "localhost:8470");
    EXPECT_EQ(status(twice), 400) << name_of(route);
  }
}

TEST_F(AdmissionTest, TellsTheContractsFirstFaultOfTwo) {
  for (const Route& route : router_->routes()) {
    for (std::size_t first = 0; first < faults().size(); ++first) {
      for (std::size_t second = first + 1; second < faults().size(); ++second) {
        const FaultCase& one = faults()[first];
        const FaultCase& other = faults()[second];
        // A path that is not there takes no method; the address of both cannot be spoiled twice.
        if (!applies(one, route) || !applies(other, route)) continue;
        Sent sent = allowed(route);
        other.spoil(sent);
        one.spoil(sent);
        EXPECT_EQ(status(sent), one.status)
            << name_of(route) << ": " << one.name << " before " << other.name;
      }
    }
  }
}

TEST_F(AdmissionTest, AnswersPreflightsWithoutOpeningAnything) {
  for (const Route& route : router_->routes()) {
    Sent sent = fitting(route);
    sent.method = "OPTIONS";
    std::erase_if(sent.lines, [](const auto& line) { return line.first != "Host"; });
    EXPECT_EQ(status(sent), 204) << name_of(route);
    sent.set("Access-Control-Request-Method", std::string(route.method));
    for (const char* origin : {"http://evil.test", "null", "https://localhost:8470"}) {
      sent.set("Origin", origin);
      EXPECT_EQ(status(sent), 403) << name_of(route) << ": " << origin;
    }
    sent.set("Origin", "http://localhost:8470");
    EXPECT_EQ(status(sent), 204) << name_of(route);
  }
}

TEST_F(AdmissionTest, TakesTicketsWhereTheClientCannotSendHeaders) {
  for (const Route& route : router_->routes()) {
    const auto ticket = context_->sessions->make_ticket({"desk", {}, {TokenScope::kRead}});
    Access fresh(AccessOptions{{}, true}, *tokens_, *context_->sessions);
    Sent sent = fitting(route);
    sent.target += "?ticket=" + *ticket;
    const bool open = route.permission == Permission::kNothing || route.streams;
    EXPECT_EQ(status(sent, fresh), open ? 200 : 401) << name_of(route);
    if (route.streams) {
      EXPECT_EQ(status(sent, fresh), 401) << "once";
    }
  }
}

}  // namespace
}  // namespace blockwatch
