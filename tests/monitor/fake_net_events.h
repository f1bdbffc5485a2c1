#pragma once
// A filtering engine in memory: holds the last events, is restarted in silence, can be switched
// off.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monitor/netevent_api.h"

namespace blockwatch {

// An outbound connection to this port was blocked, so many ticks after a certain time.
inline NetEvent net_block(std::uint16_t n = 0) {
  NetEvent e;
  e.time = to_filetime(Timestamp{17'000'000'000'000'000 + n});
  e.type = NetEventType::kClassifyDrop;
  e.flags = 0x17F;
  e.protocol = 6;
  e.local.v4 = 0xC0A80114;
  e.remote.v4 = 0xC6336407;
  e.local_port = 50'000;
  e.remote_port = n;
  for (const char c : std::string(R"(\device\harddiskvolume9\app.exe)")) e.app_id += {c, '\0'};
  e.app_id += {'\0', '\0'};
  e.user_id = std::string("\1\1\0\0\0\0\0\5\x12\0\0\0", 12);
  e.filter_id = 70'001;
  e.layer_id = 48;
  e.direction = 0x3901;
  return e;
}

class FakeNetEvents {
 public:
  // Its life is that of this object.
  std::unique_ptr<NetEventApi> api() { return std::make_unique<Api>(*this); }

  void happen(const NetEvent& event) {
    held.push_back(event);
    if (held.size() > most_held) held.pop_front();
    if (sink_) sink_(NetEvent(event));
  }
  void restart() {
    ++session_;
    sink_ = nullptr;
    held.clear();
  }
  bool is_open() const { return sink_ != nullptr; }

  std::deque<NetEvent> held;
  std::size_t most_held = 150;
  bool collects = true;
  std::uint32_t open_error = 0;
  std::uint32_t held_error = 0;
  std::function<void()> asked = [] {};  // when somebody asks whether it collects

 private:
  class Session final : public NetEventSession {
   public:
    explicit Session(FakeNetEvents& engine) : engine_(engine), number_(engine.session_) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() override {
      if (number_ == engine_.session_) engine_.sink_ = nullptr;
    }
    EngineResult<bool> collecting() override {
      engine_.asked();
      if (number_ != engine_.session_) return tl::make_unexpected(1722U);
      return engine_.collects;
    }
    EngineResult<std::vector<NetEvent>> held() override {
      if (engine_.held_error != 0) return tl::make_unexpected(engine_.held_error);
      return std::vector<NetEvent>(engine_.held.rbegin(), engine_.held.rend());
    }

   private:
    FakeNetEvents& engine_;
    const int number_;
  };

  class Api final : public NetEventApi {
   public:
    explicit Api(FakeNetEvents& engine) : engine_(engine) {}
    EngineResult<std::unique_ptr<NetEventSession>> open(Sink sink) override {
      if (engine_.open_error != 0) return tl::make_unexpected(engine_.open_error);
      engine_.sink_ = std::move(sink);
      return std::make_unique<Session>(engine_);
    }
    std::string host() override { return "PC01"; }

   private:
    FakeNetEvents& engine_;
  };

  NetEventApi::Sink sink_;
  int session_ = 0;
};

}  // namespace blockwatch
