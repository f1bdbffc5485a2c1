#pragma once
// The HTTP transport: connections, limits and deadlines. What is asked goes through the access
// checks and the table of routes; what is answered carries the security headers.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/access.h"
#include "server/listener.h"
#include "server/routes.h"
#include "server/tls.h"

namespace blockwatch {

struct HttpServerOptions {
  unsigned max_connections = 1024;  // each has a thread; one more is answered with 503
  // Answers with Response::stream or hand_over. What was handed over is no connection any more: it
  // has no thread.
  unsigned max_streams = 1024;
  unsigned max_exports = 32;               // of these, the ones with Response::stream
  unsigned max_answer_bytes = 32U << 20U;  // of large answers that clients have yet to take
  std::chrono::milliseconds header_deadline{10'000};  // whole head, from its first byte
  std::chrono::milliseconds body_deadline{30'000};    // whole body; a large one: between its bytes
  std::chrono::milliseconds idle_timeout{15'000};     // kept-alive connection without a request
  std::chrono::milliseconds write_deadline{30'000};   // whole answer taken by the client
  std::chrono::milliseconds stream_stall{300'000};    // streamed answer without progress
  std::chrono::milliseconds stop_grace{2'000};        // for answers under way when stopping
};

struct HttpCounters {
  std::uint64_t connections = 0;  // open, with streams
  std::uint64_t streams = 0;      // open
  std::uint64_t requests = 0;     // answered since start
  std::uint64_t refused = 0;      // of these, by a limit or a check before a handler ran
};

// run() in a thread of the caller's; stop() and counters() from any thread.
class HttpServer {
 public:
  // `router` and `access` outlive this object, and so does what they have from elsewhere. `tls` is
  // needed when a listener's address is for TLS. Clients may connect since the listeners were
  // opened; they are answered once run() runs.
  HttpServer(const Router& router, const Access& access, std::vector<Listener> listeners,
             HttpServerOptions options = {}, std::unique_ptr<const TlsContext> tls = nullptr);

  // Waits for every handler still running: whatever they wait for must have been told to end.
  ~HttpServer();

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Serves until stop(); afterwards at most twice stop_grace plus a second, even if a handler
  // hangs.
  void run();

  // May come before run(), which then returns at once. Writers of streams see false.
  void stop();

  HttpCounters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
