#pragma once
// The running program: owns everything, starts it in order and stops it in the reverse.

#include <memory>
#include <string>
#include <vector>

#include "server/config.h"
#include "storage/result.h"

namespace blockwatch {

// One thread (main's).
class Daemon {
 public:
  // Opens the addresses, gives away the rights that only that needed, opens the store, starts the
  // writer, the server and the sources. Before any other thread. On an error nothing is left
  // running. kInvalidArgument: an address, path or certificate that cannot be used, or an address
  // that others can reach and no token to let them in.
  static Result<std::unique_ptr<Daemon>> start(ServeConfig config);

  ~Daemon();  // as stop()
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // "http://127.0.0.1:8470", "unix:PATH", in the order of the options.
  const std::vector<std::string>& urls() const;
  // Where the certificate is for clients to be given, and its SHA-256; empty without TLS.
  const std::string& certificate_path() const;
  const std::string& fingerprint() const;

  // Streams end, sources end, what is queued is committed, all within 5 s. False when something
  // could not be committed in that time. Idempotent.
  bool stop();

 private:
  class Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
