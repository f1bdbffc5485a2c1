#pragma once
// The running program: owns everything, starts it in order and stops it in the reverse.

#include <memory>
#include <string>

#include "server/config.h"
#include "storage/result.h"

namespace blockwatch {

// One thread (main's).
class Daemon {
 public:
  // Opens the store, starts the writer, binds the address, starts the sources. On an error nothing
  // is left running. kInvalidArgument: an address or path that cannot be used.
  static Result<std::unique_ptr<Daemon>> start(ServeConfig config);

  ~Daemon();  // as stop()
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  const std::string& url() const;  // "http://127.0.0.1:8470"

  // Streams end, sources end, what is queued is committed, all within 5 s. False when something
  // could not be committed in that time. Idempotent.
  bool stop();

 private:
  class Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
