#include "server/fact_sender.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/eventually.h"

namespace blockwatch {
namespace {

TEST(FactSender, WhatWasSentBeforeTheStopIsHandedOn) {
  std::atomic<bool> inside{false};
  std::atomic<bool> stopping{false};
  std::atomic<int> taken{0};
  FactSender sender(
      [&](EventBatch&&) {
        inside = true;
        EXPECT_TRUE(eventually([&] { return stopping.load(); }));
        // Mostly long enough for the stop to be asked for.
        for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
        ++taken;
        return true;
      },
      [] { return std::vector<std::string>(); });
  sender.start();
  sender.send({.source = "first"});
  EXPECT_TRUE(eventually([&] { return inside.load(); }));
  sender.send({.source = "second"});
  stopping = true;
  sender.stop();
  EXPECT_EQ(taken, 2);
}

}  // namespace
}  // namespace blockwatch
