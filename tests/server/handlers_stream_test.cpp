#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <sstream>
#include <thread>

#include "tests/server/api_fixture.h"
#include "tests/server/raw_client.h"
#include "tests/support/eventually.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Frame {
  std::string id;
  std::string event;
  std::string data;
  std::string comment;
};

// The event stream format of the HTML standard, as far as it is used.
std::vector<Frame> parse_frames(const std::string& text) {
  std::vector<Frame> frames;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = text.find("\n\n", at);
    if (end == std::string::npos) break;
    Frame frame;
    std::istringstream lines(text.substr(at, end - at));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("id: ")) frame.id = line.substr(4);
      if (line.starts_with("event: ")) frame.event = line.substr(7);
      if (line.starts_with("data: ")) frame.data = line.substr(6);
      if (line.starts_with(":")) frame.comment = line;
    }
    frames.push_back(frame);
    at = end + 2;
  }
  return frames;
}

// A client on its own thread, at the other end of a connection that was handed over.
class Client {
 public:
  explicit Client(const http::Response& response) {
    std::shared_ptr<void> place = std::make_shared<int>();
    place_ = place;
    auto [server, client] = connected_sockets();
    end_.emplace(std::move(client));
    response.hand_over(
        LiveConnection(std::move(server), false, std::chrono::seconds(60), std::move(place)));
    thread_ = std::thread([this] { receive(); });
  }
  ~Client() {
    gone_ = true;
    thread_.join();
  }
  std::vector<Frame> frames() const {
    std::lock_guard lock(mutex_);
    return parse_frames(text_);
  }
  std::string text() const {
    std::lock_guard lock(mutex_);
    return text_;
  }
  std::vector<std::uint64_t> ids() const {
    std::vector<std::uint64_t> ids;
    for (const Frame& frame : frames()) {
      if (!frame.id.empty()) ids.push_back(std::stoull(frame.id));
    }
    return ids;
  }
  void hold(bool held) { held_ = held; }
  bool ended() const { return ended_; }
  // The server has let go of the connection.
  bool forgotten() const { return place_.expired(); }
  void hang_up() { end_->shutdown_both(); }

 private:
  void receive() {
    std::array<char, 4096> buffer{};
    while (!gone_) {
      if (held_ || !end_->wait_readable(std::chrono::milliseconds(2))) {
        std::this_thread::yield();
        continue;
      }
      const Socket::Transfer transfer = end_->receive(buffer.data(), buffer.size());
      if (transfer.status == Socket::Status::kClosed) break;
      std::lock_guard lock(mutex_);
      text_.append(buffer.data(), transfer.bytes);
    }
    ended_ = true;
  }

  std::optional<Socket> end_;
  std::weak_ptr<void> place_;
  mutable std::mutex mutex_;
  std::string text_;
  std::atomic<bool> held_ = false;
  std::atomic<bool> gone_ = false;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

class Stream : public ApiTest {
 protected:
  EventStreamsOptions stream_options() const override {
    return {std::chrono::milliseconds(30), std::chrono::milliseconds(1)};
  }
  void TearDown() override { commits_.close(); }
};

class QuietStream : public Stream {
 protected:
  EventStreamsOptions stream_options() const override {
    return {std::chrono::hours(1), std::chrono::milliseconds(1)};
  }
};

std::vector<std::uint64_t> numbers(std::uint64_t first, std::uint64_t last,
                                   std::uint64_t step = 1) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t n = first; n <= last; n += step) all.push_back(n);
  return all;
}

TEST_F(Stream, BeginsWithRetryAndReplaysAll) {
  store(1, 3);
  Client client(get("/api/v1/events/stream?after=0&fields=seq,action,remote_address"));
  ASSERT_TRUE(eventually([&] { return client.ids().size() == 3; }));
  EXPECT_TRUE(client.text().starts_with(
      "retry: 3000\n\n"
      "id: 1\nevent: block\ndata: {\"seq\":1,\"action\":\"block\",\"remote_address\":"
      "\"198.51.100.1\"}\n\nid: 2\n"))
      << client.text();
  EXPECT_EQ(client.frames()[3].event, "drop");
}

TEST_F(Stream, WithoutAPositionItStartsAtNow) {
  store(1, 3);
  Client client(get("/api/v1/events/stream"));
  store(4, 5);
  ASSERT_TRUE(eventually([&] { return client.ids().size() == 2; }));
  EXPECT_THAT(client.ids(), ElementsAre(4, 5));
}

TEST_F(Stream, LastEventIdWinsOverAfter) {
  store(1, 5);
  Client client(get("/api/v1/events/stream?after=0", {{"Last-Event-ID", "3"}}));
  ASSERT_TRUE(eventually([&] { return client.ids().size() == 2; }));
  EXPECT_THAT(client.ids(), ElementsAre(4, 5));
  http::Response refused = get("/api/v1/events/stream?limit=1", {{"Last-Event-ID", "x"}});
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("Last-Event-ID"));
  EXPECT_THAT(refused.body, HasSubstr("\"limit\""));
}

TEST_F(Stream, ReplayAndLiveMeetWithoutHoleRepeatOrDisorder) {
  store(1, 700);
  std::atomic<bool> failed = false;
  std::thread writer([&] {
    for (std::uint64_t n = 701; n <= 3000; n += 23) store(n, std::min<std::uint64_t>(n + 22, 3000));
    failed = HasFailure();
  });
  {
    Client all(get("/api/v1/events/stream?after=0"));
    Client some(get("/api/v1/events/stream?after=100&direction=inbound"));
    writer.join();
    EXPECT_FALSE(failed);
    EXPECT_TRUE(eventually([&] { return all.ids().size() >= 3000; }));
    EXPECT_TRUE(eventually([&] { return some.ids().size() >= 1450; }));
    EXPECT_EQ(all.ids(), numbers(1, 3000));
    EXPECT_EQ(some.ids(), numbers(102, 3000, 2));
  }
}

TEST_F(Stream, ASlowClientLosesNothingAndHoldsNobodyUp) {
  store(1, 10);
  Client slow(get("/api/v1/events/stream?after=0"));
  ASSERT_TRUE(eventually([&] { return slow.ids().size() == 10; }));
  slow.hold(true);
  Client quick(get("/api/v1/events/stream?after=0"));
  for (std::uint64_t n = 11; n <= 2000; n += 10) store(n, n + 9);
  ASSERT_TRUE(eventually([&] { return quick.ids().size() == 2000; }));
  slow.hold(false);
  ASSERT_TRUE(eventually([&] { return slow.ids().size() == 2000; }));
  EXPECT_EQ(slow.ids(), numbers(1, 2000));
}

TEST_F(Stream, ATermOfSilenceHasCommentsAndHeartbeats) {
  store(1, 2);
  Client client(get("/api/v1/events/stream"));
  auto beats = [&] {
    std::vector<Frame> found;
    for (const Frame& frame : client.frames()) {
      if (frame.event == "heartbeat") found.push_back(frame);
    }
    return found;
  };
  ASSERT_TRUE(eventually([&] { return beats().size() >= 3; }));
  EXPECT_EQ(beats().front().data, R"({"newest_seq":2,"lag_ms":0})");
  EXPECT_EQ(beats().front().id, "") << "a heartbeat is no place to go on from";
  EXPECT_THAT(client.text(), HasSubstr("\n\n: still here\n\n"));
}

TEST_F(Stream, DeletedRowsAreAGap) {
  store(1, 10);
  ASSERT_TRUE(store_->delete_oldest(6, kMaxTimestamp));
  Client client(get("/api/v1/events/stream?after=2"));
  ASSERT_TRUE(eventually([&] { return client.ids().size() == 5; }));
  const std::vector<Frame> frames = client.frames();
  EXPECT_EQ(frames[1].event, "gap");
  EXPECT_EQ(frames[1].id, "6");
  EXPECT_EQ(frames[1].data, R"({"from_seq":3,"to_seq":6})");
  EXPECT_THAT(client.ids(), ElementsAre(6, 7, 8, 9, 10));
}

TEST_F(Stream, APositionAboveTheNewestWaitsForIt) {
  store(1, 2);
  Client client(get("/api/v1/events/stream?after=4"));
  store(3, 6);
  ASSERT_TRUE(eventually([&] { return client.ids().size() == 2; }));
  EXPECT_THAT(client.ids(), ElementsAre(5, 6));
}

TEST_F(QuietStream, EndsWhenTheProgramStops) {
  Client client(get("/api/v1/events/stream"));
  commits_.close();
  EXPECT_TRUE(eventually([&] { return client.ended(); }, std::chrono::seconds(5)));
}

TEST_F(QuietStream, AClientThatLeftGivesItsPlaceBack) {
  store(1, 1);
  Client waiting(get("/api/v1/events/stream"));
  Client stays(get("/api/v1/events/stream?after=0"));
  ASSERT_TRUE(eventually([&] { return stays.ids().size() == 1; }));
  EXPECT_FALSE(waiting.forgotten());
  waiting.hang_up();
  EXPECT_TRUE(eventually([&] { return waiting.forgotten(); }, std::chrono::seconds(5)));
  store(2, 2);
  EXPECT_TRUE(eventually([&] { return stays.ids().size() == 2; }));
}

TEST_F(Stream, EachQuestionHasItsOwnAnswer) {
  Client all(get("/api/v1/events/stream"));
  Client few_fields(get("/api/v1/events/stream?fields=seq"));
  Client drops(get("/api/v1/events/stream?action=drop&fields=seq"));
  Client late_raw(get("/api/v1/events/stream?include=raw&after=0"));
  Client text(get("/api/v1/events/stream?q=APP2.EXE&local_port__not=40002"));
  for (std::uint64_t n = 1; n <= 300; n += 3) store(n, n + 2);
  Client drops_after_all(get("/api/v1/events/stream?action=drop&fields=seq&after=0"));
  ASSERT_TRUE(eventually([&] {
    return all.ids().size() == 300 && few_fields.ids().size() == 300 && drops.ids().size() == 100 &&
           late_raw.ids().size() == 300 && text.ids().size() == 99 &&
           drops_after_all.ids().size() == 100;
  }));
  EXPECT_EQ(all.ids(), numbers(1, 300));
  EXPECT_EQ(few_fields.ids(), numbers(1, 300));
  EXPECT_EQ(drops.ids(), numbers(3, 300, 3));
  EXPECT_EQ(drops_after_all.ids(), numbers(3, 300, 3));
  EXPECT_EQ(text.ids(), numbers(5, 300, 3));
  for (const Frame& frame : few_fields.frames()) {
    if (frame.id.empty()) continue;
    EXPECT_EQ(frame.data, "{\"seq\":" + frame.id + "}");
  }
  for (const Frame& frame : late_raw.frames()) {
    if (frame.id.empty()) continue;
    const Json event = Json::parse(frame.data);
    EXPECT_EQ(event["raw"]["Extra"], "value, \"" + frame.id + "\"");
  }
  for (const Frame& frame : all.frames()) {
    if (frame.id.empty()) continue;
    EXPECT_FALSE(Json::parse(frame.data).contains("raw"));
  }
}

// More than a live stream takes at once; meanwhile another one follows with a filter.
TEST_F(Stream, AFloodReachesLiveClientsWhole) {
  store(1, 3);
  Client all(get("/api/v1/events/stream?fields=seq"));
  Client some(get("/api/v1/events/stream?fields=seq&direction=inbound"));
  store(4, 10'000);
  store(10'001, 10'010);
  ASSERT_TRUE(eventually([&] { return all.ids().size() == 10'007 && some.ids().size() == 5004; }));
  EXPECT_EQ(all.ids(), numbers(4, 10'010));
  EXPECT_EQ(some.ids(), numbers(4, 10'010, 2));
}

// Whatever retention takes from a client that does not read is told to it: nothing is missing
// between its frames.
TEST_F(QuietStream, ManyClientsGetEachEventOnceWhileRowsArrive) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 150; ++i) {
    clients.push_back(std::make_unique<Client>(get("/api/v1/events/stream?fields=seq&after=0")));
  }
  for (std::uint64_t seq = 1; seq <= 200; ++seq) store(seq, seq);
  for (const auto& client : clients) {
    ASSERT_TRUE(eventually([&] { return client->ids().size() >= 200; }));
    EXPECT_EQ(client->ids(), numbers(1, 200));
  }
}

TEST_F(Stream, ASlowClientIsToldWhatRetentionTook) {
  store(1, 10);
  Client slow(get("/api/v1/events/stream?after=0"));
  ASSERT_TRUE(eventually([&] { return slow.ids().size() == 10; }));
  slow.hold(true);
  for (std::uint64_t n = 11; n <= 4000; n += 10) store(n, n + 9);
  {
    std::lock_guard lock(store_mutex_);
    ASSERT_TRUE(store_->delete_oldest(3500, kMaxTimestamp));
  }
  slow.hold(false);
  ASSERT_TRUE(eventually([&] { return !slow.ids().empty() && slow.ids().back() == 4000; }));
  std::uint64_t next = 1;
  bool gap = false;
  for (const Frame& frame : slow.frames()) {
    if (frame.id.empty()) continue;
    if (frame.event == "gap") {
      gap = true;
      EXPECT_EQ(frame.data,
                "{\"from_seq\":" + std::to_string(next) + ",\"to_seq\":" + frame.id + "}");
    } else {
      EXPECT_EQ(frame.id, std::to_string(next));
    }
    next = std::stoull(frame.id) + 1;
  }
  EXPECT_TRUE(gap);
  EXPECT_EQ(next, 4001U);
}

TEST_F(Stream, HoldsNoReaderWhileItWaits) {
  Client client(get("/api/v1/events/stream?after=0"));
  ASSERT_TRUE(eventually([&] { return !client.text().empty(); }));
  // With the stream waiting, the one idle reader serves the next question and is still there.
  store(1, 1);
  EXPECT_EQ(get_json("/api/v1/events")["events"].size(), 1U);
  ASSERT_TRUE(eventually([&] { return client.ids().size() == 1; }));
}

TEST_F(Stream, AcceptMustAllowIt) {
  EXPECT_EQ(get("/api/v1/events/stream", {{"Accept", "application/json"}}).status, 406);
  EXPECT_EQ(get("/api/v1/events/stream", {{"Accept", "text/*"}}).status, 200);
  EXPECT_EQ(get("/api/v1/events/stream", {{"Accept", "*/*"}}).content_type, "text/event-stream");
}

}  // namespace
}  // namespace blockwatch
