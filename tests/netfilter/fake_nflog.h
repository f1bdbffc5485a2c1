#pragma once
// A netfilter in memory: packets that are logged, datagrams that are lost, rules that change.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/netfilter/drop_watch.h"
#include "monitor/netfilter/nflog_api.h"
#include "tests/netfilter/nflog_builder.h"

namespace blockwatch {

// Knows the senders of the packets to some ports.
class FakeDrops final : public DropWatch {
 public:
  void keep_up() override { ++kept_up; }
  std::shared_ptr<const PacketSender> sender_of(const Packet& packet) override {
    ++asked;
    const auto found = senders.find(packet.destination_port.value_or(0));
    return found != senders.end() ? std::make_shared<const PacketSender>(found->second) : nullptr;
  }

  std::map<std::uint16_t, PacketSender> senders;
  int kept_up = 0;
  int asked = 0;
};

class FakeNflog {
 public:
  // Its life is that of this object.
  std::unique_ptr<NflogApi> api() { return std::make_unique<Api>(*this); }

  // Logs it, with the next number of the group.
  void log(LoggedPacket packet) {
    packet.sequence = next_sequence++;
    waiting.push_back(nflog_message(packet));
  }
  // So many are logged and found no room.
  void lose(std::uint32_t count) {
    next_sequence += count;
    overrun = true;
  }
  void set_rules(std::vector<std::string> messages) {
    rules = std::move(messages);
    ++generation;
  }

  std::deque<std::string> waiting;  // datagrams
  std::vector<std::string> at_end;  // the system holds these back until the group is closed
  std::vector<std::string> rules;   // what a listing gives
  std::uint32_t generation = 1;
  int listings = 0;
  std::uint32_t next_sequence = 0;
  bool overrun = false;
  std::optional<Error> open_error;
  std::optional<Error> receive_error;
  SocketOwner owner;
  std::function<void()> idle = [] {};  // nothing waits

 private:
  class Socket final : public NflogSocket {
   public:
    explicit Socket(FakeNflog& nflog) : nflog_(nflog) {}
    Result<Received> receive(std::chrono::milliseconds time) override {
      if (nflog_.receive_error) return tl::unexpected(*nflog_.receive_error);
      if (nflog_.waiting.empty() && time.count() > 0) nflog_.idle();
      Received received{.overrun = std::exchange(nflog_.overrun, false)};
      if (received.overrun || nflog_.waiting.empty()) return received;
      last_ = std::move(nflog_.waiting.front());
      nflog_.waiting.pop_front();
      received.bytes = bytes_of(last_);
      return received;
    }
    void close_group() override {
      for (auto& datagram : nflog_.at_end) nflog_.waiting.push_back(std::move(datagram));
      nflog_.at_end.clear();
    }

   private:
    FakeNflog& nflog_;
    std::string last_;
  };

  class Api final : public NflogApi {
   public:
    explicit Api(FakeNflog& nflog) : nflog_(nflog) {}
    Result<std::unique_ptr<NflogSocket>> open(std::uint16_t /*group*/) override {
      if (nflog_.open_error) return tl::unexpected(*nflog_.open_error);
      nflog_.next_sequence = 0;
      return std::make_unique<Socket>(nflog_);
    }
    Result<void> ask(std::uint16_t type, std::uint16_t /*flags*/, const Take& take) override {
      std::vector<std::string> answers{generation_message(nflog_.generation)};
      if (type != kGetGenerationType) answers = nflog_.rules;
      if (type == kGetRuleType) ++nflog_.listings;
      for (const std::string& answer : answers) {
        netlink::Reader reader(bytes_of(answer));
        const auto message = reader.message();
        if (type == kGetGenerationType || message->type == type - 1) take(*message);
      }
      return {};
    }
    SocketOwner owner_of(const NflogPacket& /*packet*/) override { return nflog_.owner; }
    std::string interface_name(std::uint32_t index) override {
      return "eth" + std::to_string(index);
    }
    std::string host() override { return "box"; }

   private:
    FakeNflog& nflog_;
  };
};

}  // namespace blockwatch
