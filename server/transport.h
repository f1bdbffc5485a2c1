#pragma once
// A connection's bytes: plain, or through TLS. Who reads and writes need not know which.

#include <cstddef>
#include <memory>
#include <utility>

#include "server/socket.h"
#include "server/tls.h"

namespace blockwatch {

// Movable. One thread at a time; shutdown_*() of socket() may be called by others meanwhile.
class Transport {
 public:
  // Without a context: plain.
  Transport(Socket socket, const TlsContext* tls = nullptr)  // NOLINT(google-explicit-constructor)
      : socket_(std::move(socket)), tls_(tls ? tls->accept(socket_.handle()) : nullptr) {}

  bool is_tls() const { return tls_ != nullptr; }
  // Must be kDone before bytes are sent or received; a plain one is. After kWantsRead or
  // kWantsWrite wait for that and call again.
  TlsSession::Progress handshake() {
    return tls_ ? tls_->handshake() : TlsSession::Progress::kDone;
  }

  // As a Socket's. What was to be sent and was not must be what is sent next.
  Socket::Transfer receive(char* buffer, std::size_t size) {
    return tls_ ? tls_->receive(buffer, size) : socket_.receive(buffer, size);
  }
  Socket::Transfer send(const char* data, std::size_t size) {
    return tls_ ? tls_->send(data, size) : socket_.send(data, size);
  }
  void shutdown_send() {
    if (tls_) tls_->say_goodbye();
    socket_.shutdown_send();
  }

  const Socket& socket() const { return socket_; }

 private:
  Socket socket_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace blockwatch
