#include "server/reader_pool.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/server/api_fixture.h"
#include "tests/support/eventually.h"

namespace blockwatch {
namespace {

class ReaderPoolTest : public ApiTest {};

TEST_F(ReaderPoolTest, LargeAnswersAreMadeAFewAtATimeAndHoldUpNoOther) {
  constexpr int kAsking = 32;
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::atomic<int> served = 0;
  std::atomic<bool> let_go = false;
  std::vector<std::jthread> clients;
  for (int i = 0; i < kAsking; ++i) {
    clients.emplace_back([&] {
      const auto reader = readers_->borrow_for_large();
      ASSERT_TRUE(reader);
      const int mine = ++now;
      for (int seen = most; seen < mine && !most.compare_exchange_weak(seen, mine);) {
      }
      EXPECT_TRUE(eventually([&] { return let_go.load(); }));
      --now;
      ++served;
    });
  }
  EXPECT_TRUE(eventually([&] { return now > 1; }));
  EXPECT_TRUE(readers_->borrow());
  let_go = true;
  clients.clear();
  EXPECT_EQ(served, kAsking);
  EXPECT_LE(most, 8);
}

TEST_F(ReaderPoolTest, NobodyWaitsForHisTurnWhenTheProgramStops) {
  std::vector<ReaderPool::Lease> held;
  for (int i = 0; i < 8; ++i) held.push_back(std::move(*readers_->borrow_for_large()));
  readers_->stop();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(readers_->borrow_for_large());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
}

}  // namespace
}  // namespace blockwatch
