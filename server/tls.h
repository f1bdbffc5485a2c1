#pragma once
// TLS for addresses that others can reach: 1.2 and 1.3, without compression, renegotiation,
// resumption or early data.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "server/socket.h"
#include "storage/result.h"

namespace blockwatch {

// One connection. One thread at a time. Never waits; knows the socket by its handle only, and must
// not be used when that is closed.
class TlsSession {
 public:
  virtual ~TlsSession() = default;

  enum class Progress : std::uint8_t { kDone, kWantsRead, kWantsWrite, kFailed };
  virtual Progress handshake() = 0;
  // As a Socket's, after the handshake. What could not be sent must be sent again with the same
  // bytes.
  virtual Socket::Transfer receive(char* buffer, std::size_t size) = 0;
  virtual Socket::Transfer send(const char* data, std::size_t size) = 0;
  // Tells the client that nothing more comes, so that it can tell an end from a cut.
  virtual void say_goodbye() = 0;
};

// What the server shows and how it proves it. Any thread.
class TlsContext {
 public:
  // Texts in PEM: the server's certificate first, then those between it and the root; its key.
  // kInvalidArgument: not such texts, a password, or a key of another certificate.
  static Result<std::unique_ptr<TlsContext>> create(const std::string& certificates,
                                                    const std::string& key);
  virtual ~TlsContext() = default;

  // Never null: without memory it fails its handshake.
  virtual std::unique_ptr<TlsSession> accept(Socket::Handle handle) const = 0;

  // SHA-256 of the certificate as browsers and `openssl x509` show it: "AB:CD:..."
  virtual const std::string& fingerprint() const = 0;
};

}  // namespace blockwatch
