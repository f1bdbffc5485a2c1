// Condition variables for programs of mingw-w64, in place of those of its winpthreads (10.0): there
// a timed wait that ends while another thread notifies can leave both waiting for ever, which a
// stop does all the time. These are linked before that library; libstdc++ and the rest of
// winpthreads stay as they are.

#include <pthread.h>
#include <windows.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>

namespace {

static_assert(sizeof(pthread_cond_t) == sizeof(CONDITION_VARIABLE));

// A condition has no room for a lock; several may share one, which is held for moments only.
std::array<SRWLOCK, 64> locks{};

SRWLOCK* lock_of(const pthread_cond_t* condition) {
  return &locks[(reinterpret_cast<std::uintptr_t>(condition) >> 4U) % locks.size()];
}

// Of all bits set (PTHREAD_COND_INITIALIZER) it makes Windows' own initial state.
CONDITION_VARIABLE* variable_of(pthread_cond_t* condition) {
  ::InterlockedCompareExchange64(reinterpret_cast<volatile LONG64*>(condition), 0, -1);
  return reinterpret_cast<CONDITION_VARIABLE*>(condition);
}

int wait(pthread_cond_t* condition, pthread_mutex_t* mutex, DWORD timeout_ms) {
  SRWLOCK* const lock = lock_of(condition);
  // Whoever notifies needs this lock, and gets it when this thread sleeps: no notice is missed.
  ::AcquireSRWLockExclusive(lock);
  pthread_mutex_unlock(mutex);
  const BOOL woken = ::SleepConditionVariableSRW(variable_of(condition), lock, timeout_ms, 0);
  ::ReleaseSRWLockExclusive(lock);
  pthread_mutex_lock(mutex);
  return woken ? 0 : ETIMEDOUT;
}

}  // namespace

extern "C" {

int pthread_cond_init(pthread_cond_t* condition, const pthread_condattr_t* /*attributes*/) {
  *condition = 0;
  return 0;
}

int pthread_cond_destroy(pthread_cond_t* /*condition*/) { return 0; }

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  return wait(condition, mutex, INFINITE);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const struct timespec* until) {
  using namespace std::chrono;
  const auto end = seconds(until->tv_sec) + nanoseconds(until->tv_nsec);
  const auto left = ceil<milliseconds>(end - system_clock::now().time_since_epoch()).count();
  return wait(condition, mutex, static_cast<DWORD>(std::clamp<std::int64_t>(left, 0, 86'400'000)));
}

int pthread_cond_signal(pthread_cond_t* condition) {
  SRWLOCK* const lock = lock_of(condition);
  ::AcquireSRWLockExclusive(lock);
  ::WakeConditionVariable(variable_of(condition));
  ::ReleaseSRWLockExclusive(lock);
  return 0;
}

int pthread_cond_broadcast(pthread_cond_t* condition) {
  SRWLOCK* const lock = lock_of(condition);
  ::AcquireSRWLockExclusive(lock);
  ::WakeAllConditionVariable(variable_of(condition));
  ::ReleaseSRWLockExclusive(lock);
  return 0;
}

}  // extern "C"
