#include "server/httplib_guard.h"

#include <httplib.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace blockwatch {
namespace {

// The library's own reading of requests has no total deadlines, differs from release to release and
// has had a dozen published faults. So the connection's thread reads and checks the request itself
// and gives the library this head instead: there is nothing in it to misunderstand.
constexpr std::string_view kGetHead = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr std::string_view kHeadHead = "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n";

// What the library sees as the connection: the head above to read, the real client to write to.
class GuardStream final : public httplib::Stream {
 public:
  GuardStream(Connection& connection, std::string_view head)
      : connection_(connection), unread_(head) {}

  // Which of these the base class has, and which of them are pure, depends on the release.
  // NOLINTBEGIN(modernize-use-override)
  bool is_readable() const { return !unread_.empty(); }
  bool wait_readable() const { return !unread_.empty(); }
  bool is_writable() const { return connection_.alive(); }
  bool wait_writable() const { return connection_.alive(); }
  bool is_peer_alive() const { return connection_.alive(); }
  time_t duration() const { return 0; }
  ssize_t read(char* buffer, size_t size) {
    const size_t count = unread_.copy(buffer, size);
    unread_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* data, size_t size) {
    return connection_.write(data, size) ? static_cast<ssize_t>(size) : -1;
  }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const {}
  socket_t socket() const { return static_cast<socket_t>(connection_.socket().handle()); }
  // NOLINTEND(modernize-use-override)

 private:
  Connection& connection_;
  std::string_view unread_;
};

// The answer that this thread hands to the library; its hooks get no argument of ours.
struct PendingAnswer {
  Connection* connection = nullptr;
  http::Response* response = nullptr;
  AnswerForm form;
  const std::atomic<bool>* stopping = nullptr;
  bool stream_complete = true;
};
thread_local PendingAnswer* pending_answer = nullptr;  // NOLINT(readability-identifier-naming)

bool run_stream(PendingAnswer& pending, httplib::DataSink& sink) {
  Connection& connection = *pending.connection;
  if (pending.response->hand_over) {
    // The library has written the head and is told to stop there: the body is another's.
    return false;
  }
  pending.stream_complete = false;
  const auto write = [&](std::string_view bytes) {
    if (*pending.stopping || !connection.alive()) return false;
    // An empty chunk would end the body.
    if (bytes.empty()) return connection.is_client_there();
    return sink.write(bytes.data(), bytes.size()) && connection.flush();
  };
  try {
    // The headers must not wait for the first piece.
    if (!connection.flush()) return false;
    bool wanted = true;
    pending.response->stream(
        [&](std::string_view bytes) { return wanted = wanted && write(bytes); });
    // Without its last chunk the client can tell that the body was cut.
    if (!wanted) return false;
  } catch (const std::exception& error) {
    spdlog::error("a streamed answer was cut: {}", error.what());
    return false;
  } catch (...) {
    spdlog::error("a streamed answer was cut");
    return false;
  }
  pending.stream_complete = true;
  sink.done();
  return true;
}

void fill_answer(PendingAnswer& pending, httplib::Response& to) {
  http::Response& from = *pending.response;
  to.status = from.status;
  for (auto& [name, value] : from.headers) to.set_header(name, value);
  if (from.stream || from.hand_over) {
    const auto provider = [&pending](size_t /*offset*/, httplib::DataSink& sink) {
      return run_stream(pending, sink);
    };
    if (pending.form.is_http_1_0) {
      to.set_content_provider(from.content_type, provider);
    } else {
      to.set_chunked_content_provider(from.content_type, provider);
    }
  } else if (!from.shared_body.empty()) {
    to.set_content_provider(
        from.shared_body.size(), from.content_type,
        [bytes = from.shared_body](size_t offset, size_t length, httplib::DataSink& sink) {
          return sink.write(bytes.data() + offset, length);
        });
  } else if (!from.body.empty()) {
    to.set_header("Content-Type", from.content_type);
    to.body = std::move(from.body);
  }
}

// The library decides by its own rules on these; here they follow what was agreed with the client.
void correct_headers(const PendingAnswer& pending, httplib::Response& response, int idle_seconds) {
  auto& headers = response.headers;
  headers.erase("Connection");
  headers.erase("Keep-Alive");
  headers.erase("Accept-Ranges");
  if (pending.form.keep_alive) {
    headers.emplace("Connection", "keep-alive");
    headers.emplace("Keep-Alive", "timeout=" + std::to_string(idle_seconds));
  } else {
    headers.emplace("Connection", "close");
  }
  // RFC 9110, 8.6: a 204 has none, and a 304 not that of an empty body.
  if (response.status == 204 || response.status == 304) headers.erase("Content-Length");
}

}  // namespace

class HttplibGuard::Server final : public httplib::Server {
 public:
  explicit Server(int idle_seconds) {
    // Any socket: without one the library takes itself for stopped, and cuts answers in chunks.
    svr_sock_ = socket_t{0};
    set_pre_routing_handler([](const httplib::Request&, httplib::Response& response) {
      fill_answer(*pending_answer, response);
      return HandlerResponse::Handled;
    });
    set_post_routing_handler([idle_seconds](const httplib::Request&, httplib::Response& response) {
      correct_headers(*pending_answer, response, idle_seconds);
    });
    // The library would put the exception's text into a header.
    set_exception_handler([](const httplib::Request&, httplib::Response& response,
                             const std::exception_ptr& /*error*/) { response.status = 500; });
  }

  void write_answer(PendingAnswer& pending) {
    GuardStream stream(*pending.connection, pending.form.head_only ? kHeadHead : kGetHead);
    pending_answer = &pending;
    process(&Server::process_request, stream);
    pending_answer = nullptr;
  }

 private:
  // The signature up to 0.14.
  bool process(bool (httplib::Server::*function)(httplib::Stream&, bool, bool&,
                                                 const std::function<void(httplib::Request&)>&),
               httplib::Stream& stream) {
    bool closed = false;
    return (this->*function)(stream, true, closed, nullptr);
  }

  // Later the addresses came before, and results for further protocols behind.
  template <class... More>
  bool process(bool (httplib::Server::*function)(httplib::Stream&, const std::string&, int,
                                                 const std::string&, int, bool, bool&,
                                                 const std::function<void(httplib::Request&)>&,
                                                 More...),
               httplib::Stream& stream) {
    bool closed = false;
    return (this->*function)(stream, {}, 0, {}, 0, true, closed, nullptr, More{}...);
  }
};

HttplibGuard::HttplibGuard(int idle_seconds) : server_(std::make_unique<Server>(idle_seconds)) {}

HttplibGuard::~HttplibGuard() = default;

bool HttplibGuard::answer(Connection& connection, http::Response response, AnswerForm form,
                          const std::atomic<bool>& stopping) {
  PendingAnswer pending{&connection, &response, form, &stopping, true};
  connection.begin_answer(static_cast<bool>(response.stream) && !form.head_only);
  server_->write_answer(pending);
  return connection.flush() && pending.stream_complete;
}

}  // namespace blockwatch
