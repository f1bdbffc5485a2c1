#include "server/http_server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

#include "server/admission.h"
#include "server/answer_headers.h"
#include "server/connection.h"
#include "server/httplib_guard.h"
#include "server/live_connection.h"
#include "server/places.h"
#include "server/request_head.h"

namespace blockwatch {
namespace {

using std::chrono::milliseconds;

// Threads beyond the cap of connections: they tell one too many so, or end one whose answer is
// written. As many again as the cap, so that clients may come back at once, and these.
constexpr unsigned kSpareThreads = 32;
// How long an idle connection may stay when the others need room.
constexpr milliseconds kCrowdedIdle{500};
// How often the accepting thread looks for the end, where it cannot be woken.
constexpr milliseconds kAcceptSlice{500};
// What a client of a socket file leaves out of its Host.
constexpr int kHttpPort = 80;
// A longer body may take as long as it likes if its bytes keep coming.
constexpr std::uint64_t kShortBodyBytes = std::uint64_t{1} << 20;
// Answers up to this size are bounded by the cap of connections.
constexpr std::size_t kSmallAnswerBytes = std::size_t{16} * 1024;

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const Router& router, const Access& access, std::vector<Listener> listeners,
       HttpServerOptions options, std::unique_ptr<const TlsContext> tls)
      : router_(router),
        access_(access),
        options_(options),
        guard_(static_cast<int>(
            std::chrono::duration_cast<std::chrono::seconds>(options_.idle_timeout).count())),
        listeners_(std::move(listeners)),
        tls_(std::move(tls)) {
    const bool promised = std::ranges::any_of(
        listeners_, [](const Listener& listener) { return listener.address().tls; });
    if (promised && !tls_) throw std::invalid_argument("an address for TLS without a certificate");
  }

  ~Impl() {
    stop();
    std::unique_lock lock(mutex_);
    threads_ended_.wait(lock, [this] { return threads_ == 0; });
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void run();
  void stop();
  HttpCounters counters() const;

 private:
  // A connection on its thread.
  struct Visit {
    Connection connection;
    std::string peer;
    std::optional<PeerIdentity> identity;  // once it was asked for
    Door door;
    Place place;     // among the connections, until the last answer; none: it came beyond the cap
    Place stream;    // while the answer is one
    Place exported;  // the same, when this thread writes it
  };
  // While it lives, the connection is woken when the server stops.
  class Woken {
   public:
    Woken(Impl& server, const Connection& connection) : server_(server), connection_(connection) {
      const std::lock_guard lock(server_.mutex_);
      server_.open_.insert(&connection_);
    }
    ~Woken() {
      const std::lock_guard lock(server_.mutex_);
      server_.open_.erase(&connection_);
    }
    Woken(const Woken&) = delete;
    Woken& operator=(const Woken&) = delete;

   private:
    Impl& server_;
    const Connection& connection_;
  };
  enum class Next : std::uint8_t {
    kAgain,   // the connection can take another request
    kFinish,  // the last answer is written
    kClose,   // there is nobody to say anything to
  };

  void start_thread(Arrival arrival);
  void serve(Arrival arrival, Place place);
  Next serve_next(Visit& visit);
  Next serve_admitted(Visit& visit, const RequestHead& head, const Admission& admission);
  PeerIdentity identity_of(Visit& visit) const;
  void tell_of_refusal(Visit& visit, const RequestHead& head, const Admission& admission,
                       int status) const;
  http::Response handle(Visit& visit, const RequestHead& head, const Admission& admission) const;
  Next refuse(Visit& visit, http::Response response, const RequestHead* head);
  Next send(Visit& visit, http::Response response, const RequestHead* head, bool keep_alive);
  Next give_away(Visit& visit, const std::function<void(LiveConnection&&)>& to, bool chunked);
  milliseconds patience() const;
  bool wait_for_threads(milliseconds timeout);

  const Router& router_;
  const Access& access_;
  const HttpServerOptions options_;
  HttplibGuard guard_;
  const std::vector<Listener> listeners_;
  const std::unique_ptr<const TlsContext> tls_;

  std::atomic<bool> stopping_{false};
  Places admitted_;  // connections within the cap
  Places streams_;
  Places exports_;  // within streams_
  Places answer_bytes_;
  Places given_away_;  // within streams_
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> refused_{0};

  mutable std::mutex mutex_;
  std::condition_variable threads_ended_;
  unsigned threads_ = 0;
  std::set<const Connection*> open_;  // to be woken when the server stops
};

void HttpServer::Impl::run() {
  while (!stopping_) {
    for (Arrival& arrival : accept_connections(listeners_, kAcceptSlice)) {
      start_thread(std::move(arrival));
    }
  }
  // Answers under way may be completed; nothing new is read.
  {
    const std::lock_guard lock(mutex_);
    for (const Connection* connection : open_) connection->socket().shutdown_receive();
  }
  if (wait_for_threads(options_.stop_grace)) return;
  {
    const std::lock_guard lock(mutex_);
    for (const Connection* connection : open_) connection->socket().shutdown_both();
  }
  if (!wait_for_threads(options_.stop_grace)) spdlog::error("a handler did not end in time");
}

void HttpServer::Impl::stop() {
  stopping_ = true;
  for (const Listener& listener : listeners_) listener.wake();
}

bool HttpServer::Impl::wait_for_threads(milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return threads_ended_.wait_for(lock, timeout, [this] { return threads_ == 0; });
}

HttpCounters HttpServer::Impl::counters() const {
  HttpCounters counters;
  counters.connections = admitted_.taken() + given_away_.taken();
  counters.streams = streams_.taken();
  counters.requests = requests_;
  counters.refused = refused_;
  return counters;
}

void HttpServer::Impl::start_thread(Arrival arrival) {
  {
    const std::lock_guard lock(mutex_);
    // Too many even to be told: closing is the answer.
    if (threads_ >= 2 * options_.max_connections + kSpareThreads) {
      ++refused_;
      return;
    }
    ++threads_;
  }
  try {
    // A thread per connection: whoever is slow or silent costs the others nothing.
    std::thread([this, place = admitted_.take(options_.max_connections),
                 owned = std::move(arrival)]() mutable {
      serve(std::move(owned), std::move(place));
      const std::lock_guard lock(mutex_);
      --threads_;
      // Under the lock: the destructor may run as soon as it is released.
      threads_ended_.notify_all();
    }).detach();
  } catch (const std::exception& error) {
    spdlog::error("no thread for a connection: {}", error.what());
    const std::lock_guard lock(mutex_);
    --threads_;
    ++refused_;
  }
}

void HttpServer::Impl::serve(Arrival arrival, Place place) {
  try {
    const ListenAddress& address = arrival.listener->address();
    const bool beyond_cap = place == nullptr;
    Visit visit{Connection(Transport(std::move(arrival.socket), address.tls ? tls_.get() : nullptr),
                           options_, stopping_),
                {},
                {},
                {.port = static_cast<std::uint16_t>(address.is_unix() ? kHttpPort : address.port),
                 .tls = address.tls},
                std::move(place)};
    const Woken woken(*this, visit.connection);
    visit.peer = visit.connection.socket().peer_address();
    visit.door.address = visit.connection.socket().local_address();
    const bool open = visit.connection.open([this] { return patience(); });
    Next next = open ? Next::kAgain : Next::kClose;
    if (open && beyond_cap) next = refuse(visit, to_busy("connections"), nullptr);
    while (next == Next::kAgain && !stopping_) next = serve_next(visit);
    visit.place.reset();
    if (next == Next::kFinish) visit.connection.finish();
  } catch (const std::exception& error) {
    spdlog::error("a connection was closed: {}", error.what());
  }
}

milliseconds HttpServer::Impl::patience() const {
  const bool crowded = admitted_.taken() > options_.max_connections - options_.max_connections / 4;
  return crowded ? std::min(kCrowdedIdle, options_.idle_timeout) : options_.idle_timeout;
}

HttpServer::Impl::Next HttpServer::Impl::serve_next(Visit& visit) {
  const auto text = visit.connection.read_head([this] { return patience(); });
  if (!text) return refuse(visit, to_refusal(text.error()), nullptr);
  if (!*text) return Next::kClose;
  const auto head = parse_request_head(**text);
  if (!head) return refuse(visit, to_refusal(head.error()), nullptr);
  const auto identify = [this, &visit] { return identity_of(visit); };
  Admission admission = admit(*head, router_, access_, visit.peer, identify, visit.door);
  if (admission.refused) tell_of_refusal(visit, *head, admission, admission.answer->status);
  if (admission.refused) return refuse(visit, std::move(*admission.answer), &*head);
  if (admission.answer) return send(visit, std::move(*admission.answer), &*head, head->keep_alive);
  return serve_admitted(visit, *head, admission);
}

HttpServer::Impl::Next HttpServer::Impl::serve_admitted(Visit& visit, const RequestHead& head,
                                                        const Admission& admission) {
  const bool head_only = head.method == "HEAD";
  struct GivesPlacesBack {
    Visit& visit;
    ~GivesPlacesBack() {
      visit.stream.reset();
      visit.exported.reset();
    }
  } const gives_places_back{visit};
  if (admission.route->streams && !head_only &&
      !(visit.stream = streams_.take(options_.max_streams))) {
    return refuse(visit, to_busy("streams"), &head);
  }
  Connection& connection = visit.connection;
  connection.begin_body(head.content_length.value_or(0),
                        admission.route->body.max_bytes > kShortBodyBytes
                            ? Connection::Deadline::kBetweenBytes
                            : Connection::Deadline::kWhole,
                        head.expects_continue);
  http::Response response = handle(visit, head, admission);
  if (connection.body_stalled()) {
    response =
        to_refusal({408, "request_timeout", "The request body took too long to arrive.", {}, {}});
  }
  tell_of_refusal(visit, head, admission, response.status);
  if (connection.body_stalled()) return refuse(visit, std::move(response), &head);
  if ((response.stream || response.hand_over) && !head_only && !visit.stream &&
      !(visit.stream = streams_.take(options_.max_streams))) {
    return refuse(visit, to_busy("streams"), &head);
  }
  if (response.stream && !head_only && !(visit.exported = exports_.take(options_.max_exports))) {
    return refuse(visit, to_busy("exports"), &head);
  }
  // Clients that ask for much and are slow to take it must not fill the memory.
  const std::size_t size = response.body.size();
  Place room;
  if (size > kSmallAnswerBytes && !(room = answer_bytes_.take(options_.max_answer_bytes, size))) {
    return refuse(visit, to_busy("large answers"), &head);
  }
  const bool keep_alive = head.keep_alive && connection.body_complete() && !stopping_ &&
                          !(response.stream && head.is_http_1_0) && !response.hand_over;
  return send(visit, std::move(response), &head, keep_alive);
}

// A connection has one peer, as long as nobody gives it away.
PeerIdentity HttpServer::Impl::identity_of(Visit& visit) const {
  if (!visit.identity) {
    visit.identity =
        identify_peer(visit.connection.socket().handle(), access_.options().reader_groups);
  }
  return *visit.identity;
}

void HttpServer::Impl::tell_of_refusal(Visit& visit, const RequestHead& head,
                                       const Admission& admission, int status) const {
  const Route* route = admission.matched;
  if (status < 400 || route == nullptr || !route->refused) return;
  route->refused({head.method, head.path, visit.peer, identity_of(visit), admission.token, status});
}

http::Response HttpServer::Impl::handle(Visit& visit, const RequestHead& head,
                                        const Admission& admission) const {
  http::Request request;
  request.method = head.method;
  request.path = head.path;
  request.target = head.target;
  request.query = head.query;
  request.path_values = admission.path_values;
  request.header = [&head](std::string_view name) -> std::optional<std::string> {
    const auto value = head.first(name);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  };
  request.body = [&visit](char* buffer, std::size_t size) {
    return visit.connection.read_body(buffer, size);
  };
  request.peer = visit.peer;
  request.identify = [this, &visit] { return identity_of(visit); };
  request.token = admission.token;
  try {
    return admission.route->handler(request);
  } catch (const std::exception& error) {
    spdlog::error("{} failed: {}", admission.route->operation_id, error.what());
  } catch (...) {
    spdlog::error("{} failed", admission.route->operation_id);
  }
  return to_response({500,
                      "internal",
                      "The server failed to answer this request.",
                      "The cause is in the server's log.",
                      {}});
}

HttpServer::Impl::Next HttpServer::Impl::refuse(Visit& visit, http::Response response,
                                                const RequestHead* head) {
  ++refused_;
  return send(visit, std::move(response), head, false);
}

HttpServer::Impl::Next HttpServer::Impl::send(Visit& visit, http::Response response,
                                              const RequestHead* head, bool keep_alive) {
  ++requests_;
  AnswerForm form;
  form.keep_alive = keep_alive;
  if (head != nullptr) {
    form.head_only = head->method == "HEAD";
    form.is_http_1_0 = head->is_http_1_0;
  }
  // Before the client can have the answer: who then comes back at once must find the place free.
  if (!keep_alive && !response.stream) visit.place.reset();
  const auto hand_over = form.head_only ? nullptr : response.hand_over;
  add_answer_headers(response, head != nullptr ? std::string_view(head->path) : std::string_view(),
                     now());
  if (!guard_.answer(visit.connection, std::move(response), form, stopping_)) return Next::kClose;
  if (hand_over) return give_away(visit, hand_over, !form.is_http_1_0);
  return keep_alive ? Next::kAgain : Next::kFinish;
}

HttpServer::Impl::Next HttpServer::Impl::give_away(Visit& visit,
                                                   const std::function<void(LiveConnection&&)>& to,
                                                   bool chunked) {
  {
    const std::lock_guard lock(mutex_);
    open_.erase(&visit.connection);
  }
  Place counted = given_away_.take(std::numeric_limits<unsigned>::max());
  // The two are given back together.
  Place places =
      std::make_shared<std::pair<Place, Place>>(std::move(visit.stream), std::move(counted));
  to(LiveConnection(visit.connection.release(), chunked, options_.stream_stall, std::move(places)));
  return Next::kClose;
}

HttpServer::HttpServer(const Router& router, const Access& access, std::vector<Listener> listeners,
                       HttpServerOptions options, std::unique_ptr<const TlsContext> tls)
    : impl_(std::make_unique<Impl>(router, access, std::move(listeners), options, std::move(tls))) {
}

HttpServer::~HttpServer() = default;

void HttpServer::run() { impl_->run(); }
void HttpServer::stop() { impl_->stop(); }
HttpCounters HttpServer::counters() const { return impl_->counters(); }

}  // namespace blockwatch
