#pragma once
// Work on another thread while this one does something else.

#include <exception>
#include <system_error>
#include <thread>
#include <utility>

namespace blockwatch {

class Alongside {
 public:
  template <class Work>
  explicit Alongside(Work work) {
    auto run = [this, work = std::move(work)] {
      try {
        work();
      } catch (...) {
        failure_ = std::current_exception();
      }
    };
    try {
      thread_ = std::thread(run);
    } catch (const std::system_error&) {
      run();  // there is no thread to be had
    }
  }
  ~Alongside() {
    if (thread_.joinable()) thread_.join();
  }
  Alongside(const Alongside&) = delete;
  Alongside& operator=(const Alongside&) = delete;

  // Waits for the end of the work, and throws what it threw.
  void finish() {
    if (thread_.joinable()) thread_.join();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace blockwatch
