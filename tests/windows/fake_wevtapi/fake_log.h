#pragma once
// The event log behind the double of wevtapi.dll: a file of JSON lines, followed as it grows.
//
//   {"id":5157,"data":{"ProcessID":["u64",4556],"Direction":["s","%%14593"], ...}}   a record
//   {"id":1102,"provider":"Microsoft-Windows-Eventlog","user":{"LogFileCleared/SubjectUserName":["s","kim"]}}
//   {"do":"clear"}  {"do":"overwrite_below","record":31}  {"do":"restart"}
//   {"do":"fail","function":"EvtSubscribe","error":5,"times":2} {"do":"largest_batch","events":20}
//
// A record with "repeat" is there so many times, one with "age_s" was written so long ago. Types
// are s, u8, u32, u64, sid (the null SID) and port, a text that differs from record to record. The
// file's name is in FAKE_EVENT_LOG.

#include <windows.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

namespace fake {

struct Value {
  std::uint32_t type = 0;  // EVT_VARIANT_TYPE
  std::uint64_t number = 0;
  std::wstring text;
};

using Kind = std::pair<std::wstring, std::uint32_t>;  // provider and event id

// What records have in common: all but their number, time and port.
struct Body {
  Kind kind;
  std::map<std::wstring, Value, std::less<>> values;  // by path
  std::wstring port;                                  // the path of what differs; empty: none
};

struct Record {
  std::uint64_t id = 0;
  std::uint64_t filetime = 0;
  std::shared_ptr<const Body> body;

  Value at(const std::wstring& path) const;
};

struct Subscription {
  HANDLE signal = nullptr;
  std::set<Kind> wanted;
  std::uint64_t position = 0;
  bool stale = false;
  bool dead = false;
  bool at_end = false;
};

// All members guarded by `mutex`; follows its file on a thread of its own.
class Log {
 public:
  static Log& get();

  // Takes in what the file has got since.
  void refresh();
  // The index of the first record behind the position that the subscription wants.
  std::size_t next_index(const Subscription& subscription) const;
  // The error that this function is to give next; 0: none.
  DWORD planned_error(const std::string& function);

  std::mutex mutex;
  std::vector<Record> records;
  std::set<Subscription*> subscriptions;
  std::uint32_t largest_batch = UINT32_MAX;

 private:
  Log();
  void take_line(const std::string& line);
  void add(const nlohmann::json& described);

  std::uint64_t next_id_ = 1;
  std::uint64_t read_ = 0;  // bytes of the file
  std::string rest_;        // of a line that is not whole yet
  std::map<std::string, std::pair<DWORD, int>> planned_;
};

}  // namespace fake
