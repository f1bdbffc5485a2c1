// A shim for LD_PRELOAD (Linux): a power cut, as the disk would show it, and a clock that is wrong.
//
//   POWER_CUT_AT=N      at the Nth write to a database the power goes: whatever was written since
//   its
//                       file was last synced is undone, and the process ends with code 99
//   POWER_CUT_FILE=E    only writes to files whose name ends so are counted: .db while the log is
//   moved POWER_CUT_KEEP=P    instead of all, P percent of those writes reach the disk, some of
//   them in part POWER_CUT_SEED=S    which ones POWER_CUT_SYNC=no   the disk lies: syncing does
//   nothing (the control that must show damage) CLOCK_OFFSET_S=N    the clock is so many seconds
//   ahead
//
// Files whose name has ".db" in it are looked at, but not the index of the log (-shm), which no
// crash survives. A deleted journal comes back unless its folder was synced after.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kSector = 512;

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

long number(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atol(text);
}

// What undoes one write, truncation or deletion.
struct Undo {
  std::string path;
  off_t offset = 0;
  std::string before;  // the bytes that were there
  off_t size = 0;      // of the whole file
  std::size_t length = 0;
  bool deleted = false;
};

struct Disk {
  std::mutex mutex;
  std::vector<Undo> undo;
  long writes = 0;
  const long cut_at = number("POWER_CUT_AT", -1);
  const char* const counted = std::getenv("POWER_CUT_FILE");
  const long keep = number("POWER_CUT_KEEP", 0);
  const bool lies = std::getenv("POWER_CUT_SYNC") != nullptr;
  std::mt19937 random{static_cast<unsigned>(number("POWER_CUT_SEED", 1))};
};

Disk& disk() {
  static Disk* const kDisk = new Disk;  // outlives every thread
  return *kDisk;
}

std::string path_of(int file) {
  char target[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t size = readlink(link.c_str(), target, sizeof target);
  return size < 0 ? std::string() : std::string(target, static_cast<std::size_t>(size));
}

bool is_watched(const std::string& path) {
  return path.find(".db") != std::string::npos && !path.ends_with("-shm") &&
         path.find(".lock") == std::string::npos;
}

off_t size_of(const std::string& path) {
  struct stat state {};
  return stat(path.c_str(), &state) == 0 ? state.st_size : 0;
}

std::string read_at(const std::string& path, off_t offset, std::size_t length) {
  std::string bytes(length, '\0');
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t got = file < 0 ? 0 : pread(file, bytes.data(), length, offset);
  // Closing would let go of SQLite's locks on the same file: it is left open, a test ends soon.
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return bytes;
}

void undo(const Undo& one, std::size_t from) {
  const int file = open(one.path.c_str(), O_RDWR | O_CLOEXEC | (one.deleted ? O_CREAT : 0), 0600);
  if (file < 0) return;
  auto* const write_at = next<ssize_t(int, const void*, size_t, off_t)>("pwrite64");
  // Where there was nothing before, the disk has zeros; at the end of the file, nothing.
  std::string bytes = one.before;
  bytes.resize(std::max(bytes.size(), one.length));
  if (from < bytes.size()) {
    write_at(file, bytes.data() + from, bytes.size() - from, one.offset + static_cast<off_t>(from));
  }
  if (!one.deleted && from == 0 &&
      size_of(one.path) <= one.offset + static_cast<off_t>(bytes.size())) {
    next<int(int, off_t)>("ftruncate64")(file, one.size);
  }
}

// Requires the lock, which is never given back.
[[noreturn]] void cut(Disk& d) {
  // Who reads in mapped memory that goes away waits for the end.
  std::signal(SIGBUS, [](int) {
    while (true) pause();
  });
  for (auto one = d.undo.rbegin(); one != d.undo.rend(); ++one) {
    const bool reached = static_cast<long>(d.random() % 100) < d.keep;
    if (!reached) {
      undo(*one, 0);
    } else if (one->length > kSector && d.random() % 4 == 0) {
      undo(*one, kSector * (1 + d.random() % (one->length / kSector)));
    }
  }
  _exit(99);
}

void synced(const std::string& path) {
  Disk& d = disk();
  if (d.lies) return;
  const std::lock_guard lock(d.mutex);
  std::erase_if(d.undo, [&](const Undo& one) {
    return one.path == path || (one.deleted && one.path.starts_with(path + "/"));
  });
}

}  // namespace

extern "C" {

ssize_t pwrite64(int file, const void* bytes, size_t length, off_t offset) {
  static auto* const real = next<ssize_t(int, const void*, size_t, off_t)>("pwrite64");
  Disk& d = disk();
  std::string path = d.cut_at < 0 ? std::string() : path_of(file);
  if (!is_watched(path)) return real(file, bytes, length, offset);
  const std::lock_guard lock(d.mutex);
  Undo one{.path = path, .offset = offset, .before = {}, .size = size_of(path), .length = length};
  if (offset < one.size) {
    one.before.resize(std::min(length, static_cast<std::size_t>(one.size - offset)));
    const ssize_t got = pread64(file, one.before.data(), one.before.size(), offset);
    one.before.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  const bool counts = d.counted == nullptr || path.ends_with(d.counted);
  d.undo.push_back(std::move(one));
  const ssize_t written = real(file, bytes, length, offset);
  if (counts && ++d.writes == d.cut_at) cut(d);
  return written;
}

ssize_t pwrite(int file, const void* bytes, size_t length, off_t offset) {
  return pwrite64(file, bytes, length, offset);
}

int ftruncate64(int file, off_t size) {
  static auto* const real = next<int(int, off_t)>("ftruncate64");
  Disk& d = disk();
  std::string path = d.cut_at < 0 ? std::string() : path_of(file);
  if (is_watched(path)) {
    const std::lock_guard lock(d.mutex);
    Undo one{.path = path, .offset = size, .before = {}, .size = size_of(path)};
    if (size < one.size) {
      one.before.resize(static_cast<std::size_t>(one.size - size));
      const ssize_t got = pread64(file, one.before.data(), one.before.size(), size);
      one.before.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    }
    d.undo.push_back(std::move(one));
    return real(file, size);
  }
  return real(file, size);
}

int ftruncate(int file, off_t size) noexcept { return ftruncate64(file, size); }

int unlink(const char* name) noexcept {
  static auto* const real = next<int(const char*)>("unlink");
  Disk& d = disk();
  const std::string path = name;
  if (d.cut_at >= 0 && path.ends_with("-journal") && is_watched(path)) {
    const std::lock_guard lock(d.mutex);
    std::erase_if(d.undo, [&](const Undo& one) { return one.path == path; });
    d.undo.push_back({.path = path,
                      .before = read_at(path, 0, static_cast<std::size_t>(size_of(path))),
                      .deleted = true});
  }
  return real(name);
}

// Nothing is really synced: what the kernel has survives the end of this process.
int fdatasync(int file) {
  static auto* const real = next<int(int)>("fdatasync");
  if (disk().cut_at < 0) return real(file);
  synced(path_of(file));
  return 0;
}

int fsync(int file) {
  static auto* const real = next<int(int)>("fsync");
  if (disk().cut_at < 0) return real(file);
  synced(path_of(file));
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec* time) noexcept {
  static auto* const real = next<int(clockid_t, struct timespec*)>("clock_gettime");
  static const long kOffset = number("CLOCK_OFFSET_S", 0);
  const int done = real(clock, time);
  if (clock == CLOCK_REALTIME) time->tv_sec += kOffset;
  return done;
}

}  // extern "C"
