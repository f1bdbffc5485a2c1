// Certificates, and what a client that does not want to shake hands can do.

#include "server/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "server/secret_file.h"
#include "server/self_signed.h"
#include "tests/server/test_server.h"
#include "tests/support/let_others_read.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using testing::HasSubstr;

const std::vector<std::string> kNames{"localhost", "127.0.0.1", "::1", "logs.example.test"};
const auto kNow = std::chrono::system_clock::now();

TlsIdentity identity() {
  const auto made = make_self_signed(kNames, kNow);
  EXPECT_TRUE(made);
  return made.value_or(TlsIdentity{});
}

std::unique_ptr<const TlsContext> context() {
  const TlsIdentity made = identity();
  auto context = TlsContext::create(made.certificates, made.key);
  EXPECT_TRUE(context);
  return std::move(context).value_or(nullptr);
}

TEST(SelfSignedTest, CoversItsNamesForItsTime) {
  const TlsIdentity made = identity();
  EXPECT_EQ(renewal_reason(made, kNames, kNow), "");
  EXPECT_EQ(renewal_reason(made, kNames, kNow + kCertificateLife - kCertificateRenewal - hours(1)),
            "");
  EXPECT_EQ(renewal_reason(made, kNames, kNow + kCertificateLife - kCertificateRenewal + hours(1)),
            "it ends soon");
  EXPECT_EQ(renewal_reason(made, kNames, kNow - hours(2)), "it is not valid yet");
  for (const char* name : {"other.example.test", "127.0.0.2", "::2"}) {
    EXPECT_EQ(renewal_reason(made, {"localhost", name}, kNow),
              std::string("it lacks the name ") + name);
  }
  EXPECT_THAT(made.key, HasSubstr("BEGIN PRIVATE KEY"));
}

TEST(SelfSignedTest, IsKeptAndRenewedNearItsEnd) {
  const TempDir folder;
  const std::string path = folder.path("tls-key.pem");
  const std::string public_path = folder.path("tls-cert.pem");
  const auto load = [&](const std::vector<std::string>& names, hours later) {
    auto loaded = load_self_signed(path, public_path, names, kNow + later);
    EXPECT_TRUE(loaded);
    return loaded.value_or(SelfSigned{});
  };
  const auto fingerprint = [](const SelfSigned& loaded) {
    const auto made = TlsContext::create(loaded.identity.certificates, loaded.identity.key);
    return made ? (*made)->fingerprint() : made.error().message;
  };
  const SelfSigned first = load(kNames, hours(0));
  EXPECT_EQ(first.made_because, "there was none");
#ifndef _WIN32
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
#endif
  EXPECT_EQ((*read_secret_file(path))->text, first.identity.key + first.identity.certificates);
  {
    std::ifstream public_file(public_path);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(public_file), {}),
              first.identity.certificates);
  }

  fs::remove(public_path);
  const SelfSigned again = load(kNames, hours(24));
  EXPECT_TRUE(fs::exists(public_path));
  EXPECT_EQ(again.made_because, "");
  EXPECT_EQ(fingerprint(again), fingerprint(first));
  folder.write("tls-cert.pem", "of an earlier one: the program ended before it wrote this");
  load(kNames, hours(24));
  {
    std::ifstream mended(public_path);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(mended), {}), first.identity.certificates);
  }

  const SelfSigned renewed = load(kNames, kCertificateLife - hours(24));
  EXPECT_EQ(renewed.made_because, "it ends soon");
  EXPECT_NE(fingerprint(renewed), fingerprint(first));
}

TEST(SelfSignedTest, AFileThatIsDamagedOrOpenToOthersIsNotReplaced) {
  const TempDir folder;
  const std::string path = folder.path("tls-key.pem");
  ASSERT_TRUE(load_self_signed(path, folder.path("cert"), kNames, kNow));
  let_others_read(path);
  EXPECT_EQ(load_self_signed(path, folder.path("cert"), kNames, kNow).error().code,
            ErrorCode::kPermission);
  ASSERT_TRUE(replace_secret_file(path, "-----BEGIN PRIVATE KEY-----\nAAAA\n"));
  EXPECT_EQ(load_self_signed(path, folder.path("cert"), kNames, kNow).error().code,
            ErrorCode::kCorrupt);
}

TEST(TlsContextTest, WantsACertificateAndItsOwnKey) {
  const TlsIdentity one = identity();
  const TlsIdentity other = identity();
  const auto error_of = [](const std::string& certificates, const std::string& key) {
    const auto made = TlsContext::create(certificates, key);
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(error_of(one.certificates, one.key), "");
  EXPECT_EQ(error_of(one.certificates + other.certificates, one.key), "");  // a chain
  EXPECT_THAT(error_of(one.certificates, other.key), HasSubstr("not that of the certificate"));
  EXPECT_THAT(error_of("", one.key), HasSubstr("certificate"));
  EXPECT_THAT(error_of(one.key, one.key), HasSubstr("certificate"));
  EXPECT_THAT(error_of(one.certificates, "x"), HasSubstr("private key"));
  EXPECT_THAT(error_of(one.certificates, one.key.substr(0, one.key.size() / 2)),
              HasSubstr("private key"));
}

// The first bytes of a handshake: a record of type 22 and 512 bytes, most of which never come.
constexpr std::string_view kBeginning{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11};

class TlsServerTest : public testing::Test {
 protected:
  static HttpServerOptions options() {
    HttpServerOptions options;
    options.header_deadline = milliseconds(300);
    return options;
  }
  TestServer server_{options(), {}, {.tls = true}, context()};
};

TEST_F(TlsServerTest, CutsAHandshakeThatTakesTooLong) {
  for (const std::string_view bytes : {std::string_view(), kBeginning}) {
    RawClient client(server_.port());
    ASSERT_TRUE(client.send(bytes));
    EXPECT_TRUE(client.closes_within(std::chrono::seconds(20)));
  }
  RawClient trickle(server_.port());
  bool open = true;
  for (int i = 0; i < 200 && open; ++i) {
    open = trickle.send(kBeginning.substr(static_cast<std::size_t>(i) % 11, 1)) &&
           !trickle.closes_within(milliseconds(50));
  }
  EXPECT_FALSE(open);
}

TEST_F(TlsServerTest, ClosesOnWhatIsNoTls) {
  for (const std::string& bytes :
       {server_.get("/api/v1/small"), std::string(100'000, '\0'), std::string(100'000, '\x16'),
        std::string("\x16\x03\x01\xff\xff") + std::string(70'000, 'x')}) {
    RawClient client(server_.port());
    client.send(bytes);
    const std::string answer = client.receive_all();
    EXPECT_EQ(answer.find("HTTP"), std::string::npos);
    EXPECT_EQ(answer.find("ok"), std::string::npos);
  }
  EXPECT_EQ(server_.http().counters().requests, 0U);
}

TEST(TlsServerStartTest, NeverSpeaksPlainWhereTlsWasPromised) {
  EXPECT_THROW(TestServer({}, {}, {.tls = true}, nullptr), std::invalid_argument);
}

}  // namespace
}  // namespace blockwatch
