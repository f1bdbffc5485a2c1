#include <windows.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "monitor/standard_input.h"

namespace blockwatch {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

// What the reading thread hands over, a piece at a time.
struct Piece {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::vector<char> bytes = std::vector<char>(kPieceBytes);
  std::size_t taken = 0;
  std::size_t size = 0;         // taken == size: the next one may be read
  bool ended = false;           // no more behind this one
  DWORD error = ERROR_SUCCESS;  // why it ended
};

void read_all(const std::shared_ptr<Piece>& piece) {
  const HANDLE input = ::GetStdHandle(STD_INPUT_HANDLE);
  std::vector<char> bytes(kPieceBytes);
  for (bool ended = false; !ended;) {
    DWORD got = 0;
    const bool read =
        ::ReadFile(input, bytes.data(), static_cast<DWORD>(bytes.size()), &got, nullptr) != 0;
    const DWORD error = read ? ERROR_SUCCESS : ::GetLastError();
    ended = got == 0;
    std::unique_lock lock(piece->mutex);
    piece->changed.wait(lock, [&] { return piece->taken == piece->size; });
    std::swap(piece->bytes, bytes);
    piece->taken = 0;
    piece->size = got;
    piece->ended = ended;
    // The writer has closed the pipe.
    piece->error = error == ERROR_BROKEN_PIPE || error == ERROR_HANDLE_EOF ? ERROR_SUCCESS : error;
    piece->changed.notify_all();
  }
}

}  // namespace

winlog::ReadFn standard_input(std::stop_token stop) {
  // Not every kind of input can be waited for with a limit, so a thread waits for the bytes. After
  // a stop it is left where it is and goes with the process.
  auto piece = std::make_shared<Piece>();
  std::thread([piece] { read_all(piece); }).detach();
  return [stop = std::move(stop), piece](std::span<char> buffer) -> Result<std::size_t> {
    std::unique_lock lock(piece->mutex);
    if (!piece->changed.wait(lock, stop,
                             [&] { return piece->taken < piece->size || piece->ended; })) {
      return std::size_t{0};
    }
    if (piece->error != ERROR_SUCCESS) {
      return make_error(ErrorCode::kIo, "standard input: error " + std::to_string(piece->error));
    }
    const std::size_t n = std::min(buffer.size(), piece->size - piece->taken);
    std::memcpy(buffer.data(), piece->bytes.data() + piece->taken, n);
    piece->taken += n;
    piece->changed.notify_all();
    return n;
  };
}

}  // namespace blockwatch
