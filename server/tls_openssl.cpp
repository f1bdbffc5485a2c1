#include <algorithm>
#include <array>
#include <climits>
#include <utility>

#include "server/openssl_types.h"
#include "server/tls.h"

namespace blockwatch {
namespace {

using openssl::BioMethodPtr;
using openssl::BioPtr;
using openssl::CertificatePtr;
using openssl::ContextPtr;
using openssl::KeyPtr;
using openssl::reading;
using openssl::SslPtr;

// For TLS 1.2; 1.3 has no others.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

// Where the library reads and writes: the same calls as without TLS. Its own would use write(),
// which raises a signal when the client is gone.
struct Wire {
  Socket::Handle handle;
};

// BIO_TYPE_DESCRIPTOR and the like are for the library's own.
int finish_transfer(BIO* bio, Socket::Transfer transfer, int retry) {
  BIO_clear_retry_flags(bio);
  if (transfer.status == Socket::Status::kDone) return static_cast<int>(transfer.bytes);
  if (transfer.status == Socket::Status::kClosed) return 0;
  BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
  return -1;
}

int wire_read(BIO* bio, char* buffer, int size) {
  const auto* wire = static_cast<const Wire*>(BIO_get_data(bio));
  return finish_transfer(
      bio, Socket::receive(wire->handle, buffer, static_cast<std::size_t>(std::max(size, 0))),
      BIO_FLAGS_READ);
}

int wire_write(BIO* bio, const char* data, int size) {
  const auto* wire = static_cast<const Wire*>(BIO_get_data(bio));
  return finish_transfer(
      bio, Socket::send(wire->handle, data, static_cast<std::size_t>(std::max(size, 0))),
      BIO_FLAGS_WRITE);
}

long wire_control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// One for the program's life.
const BIO_METHOD* wire_method() {
  static const BioMethodPtr kMethod = [] {
    BioMethodPtr made(BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "blockwatch"));
    if (made) {
      BIO_meth_set_read(made.get(), wire_read);
      BIO_meth_set_write(made.get(), wire_write);
      BIO_meth_set_ctrl(made.get(), wire_control);
    }
    return made;
  }();
  return kMethod.get();
}

class OpensslSession final : public TlsSession {
 public:
  OpensslSession(SSL_CTX* context, Socket::Handle handle) : wire_{handle}, ssl_(SSL_new(context)) {
    BioPtr bio(wire_method() == nullptr ? nullptr : BIO_new(wire_method()));
    if (!ssl_ || !bio) {
      ssl_.reset();
      return;
    }
    BIO_set_data(bio.get(), &wire_);
    BIO_set_init(bio.get(), 1);
    // Reading and writing share it; it is the session's from here on.
    SSL_set_bio(ssl_.get(), bio.get(), bio.get());
    static_cast<void>(bio.release());
    SSL_set_accept_state(ssl_.get());
  }
  ~OpensslSession() override = default;
  OpensslSession(const OpensslSession&) = delete;  // the library knows wire_ by its address
  OpensslSession& operator=(const OpensslSession&) = delete;

  Progress handshake() override {
    if (!ssl_) return Progress::kFailed;
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      ready_ = true;
      return Progress::kDone;
    }
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return Progress::kWantsRead;
      case SSL_ERROR_WANT_WRITE:
        return Progress::kWantsWrite;
      default:
        return Progress::kFailed;
    }
  }

  Socket::Transfer receive(char* buffer, std::size_t size) override {
    std::size_t count = 0;
    return transfer([&] { return SSL_read_ex(ssl_.get(), buffer, size, &count); }, count);
  }

  Socket::Transfer send(const char* data, std::size_t size) override {
    std::size_t count = 0;
    return transfer([&] { return SSL_write_ex(ssl_.get(), data, size, &count); }, count);
  }

  void say_goodbye() override {
    if (!ready_) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }

 private:
  template <class Step>
  Socket::Transfer transfer(Step step, const std::size_t& count) {
    if (!ready_) return {Socket::Status::kClosed, 0};
    ERR_clear_error();
    const int result = step();
    if (result == 1) return {Socket::Status::kDone, count};
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      return {Socket::Status::kWouldBlock, 0};
    }
    // After a fault of the protocol nothing more may be said, not even goodbye.
    if (error != SSL_ERROR_ZERO_RETURN) ready_ = false;
    return {Socket::Status::kClosed, 0};
  }

  Wire wire_;
  SslPtr ssl_;
  bool ready_ = false;
};

class OpensslContext final : public TlsContext {
 public:
  OpensslContext(ContextPtr context, std::string fingerprint)
      : context_(std::move(context)), fingerprint_(std::move(fingerprint)) {}

  std::unique_ptr<TlsSession> accept(Socket::Handle handle) const override {
    return std::make_unique<OpensslSession>(context_.get(), handle);
  }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  ContextPtr context_;
  std::string fingerprint_;
};

ContextPtr make_context() {
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  // A client that only sends messages of the protocol must not keep a call from returning.
  SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
  return SSL_CTX_set_cipher_list(context.get(), kCiphers) == 1 ? std::move(context) : nullptr;
}

std::string fingerprint_of(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  X509_digest(&certificate, EVP_sha256(), digest.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    constexpr const char* kHex = "0123456789ABCDEF";
    if (i > 0) text += ':';
    text += kHex[digest.at(i) >> 4U];
    text += kHex[digest.at(i) & 15U];
  }
  return text;
}

tl::unexpected<Error> unfit(const char* why) {
  return make_error(ErrorCode::kInvalidArgument, why);
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::create(const std::string& certificates,
                                                       const std::string& key) {
  ERR_clear_error();
  ContextPtr context = make_context();
  if (!context) return make_error(ErrorCode::kInternal, "TLS cannot be set up");
  const BioPtr chain = reading(certificates);
  const CertificatePtr own(PEM_read_bio_X509(chain.get(), nullptr, openssl::no_password, nullptr));
  if (!own || SSL_CTX_use_certificate(context.get(), own.get()) != 1) {
    return unfit("the certificate is no PEM text of one that can be used");
  }
  while (
      CertificatePtr more{PEM_read_bio_X509(chain.get(), nullptr, openssl::no_password, nullptr)}) {
    if (SSL_CTX_add0_chain_cert(context.get(), more.get()) != 1) {
      return unfit("a certificate of the chain cannot be used");
    }
    static_cast<void>(more.release());
  }
  const KeyPtr secret(
      PEM_read_bio_PrivateKey(reading(key).get(), nullptr, openssl::no_password, nullptr));
  if (!secret) return unfit("the key is no PEM text of a private key without a password");
  if (SSL_CTX_use_PrivateKey(context.get(), secret.get()) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return unfit("the key is not that of the certificate");
  }
  ERR_clear_error();
  return std::make_unique<OpensslContext>(std::move(context), fingerprint_of(*own));
}

}  // namespace blockwatch
