#pragma once
// Bodies in JSON: read whole, parsed strictly, every fault of their members named.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/handlers/json.h"

namespace blockwatch::handlers {

// The body as an object; an empty body is an empty object. Refused (400): not UTF-8, not JSON, not
// an object, a member twice in one object, nested deeper than 64.
tl::expected<Json, http::Response> read_json_body(const http::Request& request);

// Takes the members of an object one by one; what is left over is a fault.
class BodyMembers {
 public:
  explicit BodyMembers(const Json& object, std::string prefix = {})
      : object_(object), prefix_(std::move(prefix)) {}

  // The member; null when it is absent.
  const Json* find(const char* name);
  std::optional<bool> take_bool(const char* name);
  std::optional<std::string> take_text(const char* name, std::string_view expected);

  void fault(std::string_view name, std::string expected);
  // Adds a fault for each member that was not asked for, and gives all of them.
  std::vector<Fault> end();

 private:
  const Json& object_;
  std::string prefix_;  // "settings.NAME.", in the names of faults
  std::vector<std::string_view> known_;
  std::vector<Fault> faults_;
};

// 400 with every fault.
http::Response body_fault(std::vector<Fault> faults);

}  // namespace blockwatch::handlers
