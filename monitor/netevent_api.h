#pragma once
// Net events of a running Windows, as far as a source needs them: what fwpuclnt.dll does, in
// portable terms, so that all decisions are made, and tested, without it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monitor/netevent.h"
#include "storage/result.h"

namespace blockwatch {

// Windows' own error numbers (winerror.h).
template <class T>
using EngineResult = tl::expected<T, std::uint32_t>;

namespace engine_error {
inline constexpr std::uint32_t kAccessDenied = 5;
inline constexpr std::uint32_t kServerUnavailable = 1722;  // RPC_S_SERVER_UNAVAILABLE
inline constexpr std::uint32_t kCallFailed = 1726;         // RPC_S_CALL_FAILED
inline constexpr std::uint32_t kNotRegistered = 1753;      // EPT_S_NOT_REGISTERED
inline constexpr std::uint32_t kNetEventsDisabled = 0x80320013;
}  // namespace engine_error

// In words, with what to do about it. `doing`: "read the net events".
Error engine_failure(const std::string& doing, std::uint32_t code);

// A session of the filtering engine with its subscription. One thread. Dead sessions do not say so:
// they only become silent, and their next answer is an error.
class NetEventSession {
 public:
  virtual ~NetEventSession() = default;  // afterwards the sink is not called any more

  // Does the engine collect net events at all?
  virtual EngineResult<bool> collecting() = 0;

  // What the engine still holds, in any order.
  virtual EngineResult<std::vector<NetEvent>> held() = 0;
};

class NetEventApi {
 public:
  // Called on a thread of Windows' for each event, one after the other; must not wait.
  using Sink = std::function<void(NetEvent&&)>;

  virtual ~NetEventApi() = default;
  virtual EngineResult<std::unique_ptr<NetEventSession>> open(Sink sink) = 0;
  // This computer's name as the event log writes it.
  virtual std::string host() = 0;
};

// kUnsupported where there is no such engine.
Result<std::unique_ptr<NetEventApi>> open_net_events();

}  // namespace blockwatch
