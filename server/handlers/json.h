#pragma once
// Small answers made with nlohmann's JSON; private to the handlers. Events do not go this way.

#include <nlohmann/json.hpp>

#include "server/handlers/answers.h"

namespace blockwatch::handlers {

using Json = nlohmann::ordered_json;

inline http::Response object_answer(const Json& value, int status = 200) {
  // Recorded text may hold bytes that are not UTF-8.
  return json_answer(value.dump(-1, ' ', false, Json::error_handler_t::replace), status);
}

}  // namespace blockwatch::handlers
