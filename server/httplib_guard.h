#pragma once
// cpp-httplib behind a wall: it writes answers. Heads and bodies of requests never reach it; see
// httplib_guard.cpp for why. Works with 0.11.4 and current releases.

#include <memory>

#include "server/connection.h"
#include "server/http.h"

namespace blockwatch {

// How an answer is sent.
struct AnswerForm {
  bool head_only = false;    // HEAD: the headers of the answer without its body
  bool keep_alive = false;   // the connection is used again
  bool is_http_1_0 = false;  // the client cannot read chunks: a stream ends with the connection
};

class HttplibGuard {
 public:
  // `idle_seconds` is what kept-alive clients are told.
  explicit HttplibGuard(int idle_seconds);
  ~HttplibGuard();
  HttplibGuard(const HttplibGuard&) = delete;
  HttplibGuard& operator=(const HttplibGuard&) = delete;

  // Writes the answer and runs its stream; any thread. Of an answer that hands its connection over
  // only the head. False: the client did not get all of it.
  bool answer(Connection& connection, http::Response response, AnswerForm form,
              const std::atomic<bool>& stopping);

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace blockwatch
