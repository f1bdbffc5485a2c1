#include "fake_log.h"
// After windows.h, which it needs.
#include <winevt.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace fake {
namespace {

using nlohmann::json;

// The test's texts are ASCII.
std::wstring wide(const std::string& ascii) { return {ascii.begin(), ascii.end()}; }

Value value_of(const json& typed) {
  const std::string type = typed.at(0);
  if (type == "s") return {EvtVarTypeString, 0, wide(typed.at(1))};
  if (type == "sid") return {EvtVarTypeSid, 0, {}};
  const std::uint64_t number = typed.at(1);
  if (type == "u8") return {EvtVarTypeByte, number, {}};
  if (type == "u32") return {EvtVarTypeUInt32, number, {}};
  return {EvtVarTypeUInt64, number, {}};
}

std::uint64_t filetime_now() {
  FILETIME now;
  GetSystemTimePreciseAsFileTime(&now);
  return std::uint64_t{now.dwHighDateTime} << 32 | now.dwLowDateTime;
}

}  // namespace

Log& Log::get() {
  static Log* log = new Log;  // for ever: its thread is not stopped
  return *log;
}

Log::Log() {
  std::thread([this] {
    for (;; Sleep(5)) {
      const std::lock_guard lock(mutex);
      refresh();
    }
  }).detach();
}

void Log::refresh() {
  const char* const path = std::getenv("FAKE_EVENT_LOG");
  std::ifstream file(path == nullptr ? "" : path, std::ios::binary);
  if (!file.seekg(static_cast<std::streamoff>(read_))) return;
  std::string more((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  read_ += more.size();
  rest_ += more;
  std::size_t begin = 0;
  for (std::size_t end; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    take_line(rest_.substr(begin, end - begin));
  }
  rest_.erase(0, begin);
  if (begin == 0) return;
  for (Subscription* s : subscriptions) {
    if (s->stale || next_index(*s) < records.size()) {
      s->at_end = false;
      if (!s->dead) SetEvent(s->signal);
    }
  }
}

void Log::take_line(const std::string& line) {
  const json object = json::parse(line);
  const std::string what = object.value("do", "");
  if (what == "clear") {
    records.clear();
    for (Subscription* s : subscriptions) s->stale = true;
  } else if (what == "overwrite_below") {
    const std::uint64_t first = object.at("record");
    std::erase_if(records, [first](const Record& r) { return r.id < first; });
    for (Subscription* s : subscriptions) s->stale = s->stale || s->position + 1 < first;
  } else if (what == "restart") {
    for (Subscription* s : subscriptions) s->dead = true;
  } else if (what == "fail") {
    planned_[object.at("function")] = {object.at("error").get<DWORD>(), object.value("times", 1)};
  } else if (what == "largest_batch") {
    largest_batch = object.at("events");
  } else {
    add(object);
  }
}

void Log::add(const json& described) {
  auto body = std::make_shared<Body>();
  body->kind = {wide(described.value("provider", "Microsoft-Windows-Security-Auditing")),
                described.at("id")};
  auto& values = body->values;
  values[L"Event/System/Provider/@Name"] = {EvtVarTypeString, 0, body->kind.first};
  values[L"Event/System/EventID"] = {EvtVarTypeUInt16, body->kind.second, {}};
  values[L"Event/System/Version"] = {EvtVarTypeByte, 1, {}};
  values[L"Event/System/Channel"] = {EvtVarTypeString, 0, L"Security"};
  values[L"Event/System/Computer"] = {EvtVarTypeString, 0, L"PC01.example.test"};
  const json data = described.value("data", json::object());
  for (const auto& [name, value] : data.items()) {
    std::wstring path = L"Event/EventData/Data[@Name='" + wide(name) + L"']";
    if (value.at(0) == "port") {
      body->port = std::move(path);
    } else {
      values[std::move(path)] = value_of(value);
    }
  }
  const json user = described.value("user", json::object());
  for (const auto& [name, value] : user.items()) {
    values[L"Event/UserData/" + wide(name)] = value_of(value);
  }
  constexpr std::uint64_t kTicksPerSecond = 10'000'000;
  const std::uint64_t age = described.value("age_s", std::uint64_t{0}) * kTicksPerSecond;
  for (int left = described.value("repeat", 1); left > 0; --left) {
    records.push_back({next_id_++, filetime_now() - age, body});
  }
}

Value Record::at(const std::wstring& path) const {
  if (path == L"Event/System/EventRecordID") return {EvtVarTypeUInt64, id, {}};
  if (path == L"Event/System/TimeCreated/@SystemTime") return {EvtVarTypeFileTime, filetime, {}};
  if (path == body->port) return {EvtVarTypeString, 0, std::to_wstring(1024 + id % 60'000)};
  const auto it = body->values.find(path);
  return it == body->values.end() ? Value{} : it->second;
}

std::size_t Log::next_index(const Subscription& subscription) const {
  const auto behind = std::partition_point(records.begin(), records.end(), [&](const Record& r) {
    return r.id <= subscription.position;
  });
  const auto found = std::find_if(behind, records.end(), [&](const Record& r) {
    return subscription.wanted.contains(r.body->kind);
  });
  return static_cast<std::size_t>(found - records.begin());
}

DWORD Log::planned_error(const std::string& function) {
  const auto it = planned_.find(function);
  if (it == planned_.end() || it->second.second-- <= 0) return 0;
  return it->second.first;
}

}  // namespace fake
