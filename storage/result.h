#pragma once
// Errors are values between modules: a function that can fail returns Result<T>.

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace blockwatch {

// A code exists only where a caller acts on it.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // the caller's input; the message says what was expected
  kNotFound,
  kGone,         // it existed and was deleted (retention)
  kConflict,     // the state forbids it (store in use, import running)
  kUnavailable,  // try again later (deadline, stopping, disk full)
  kPermission,   // the operating system refused
  kCorrupt,      // bytes that contradict their format
  kIo,           // the operating system failed to read or write
  kUnsupported,  // a format or feature that is known and refused; the message says why
  kInternal,     // a fault of ours
};

// The message is for people and may name paths; a server must not send it on for kIo and kInternal.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> make_error(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace blockwatch
