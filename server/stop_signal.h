#pragma once
// Waiting for the user or the service manager to end the program.

namespace blockwatch {

// Create it in main before any other thread: on POSIX it blocks SIGINT and SIGTERM, and threads
// inherit that. One object at a time.
class StopSignal {
 public:
  StopSignal();

  // Returns when SIGINT or SIGTERM (Windows: Ctrl+C, Ctrl+Break, its window closed) has come. A
  // second one then ends the program at once.
  void wait();
};

}  // namespace blockwatch
