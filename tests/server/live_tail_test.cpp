#include "server/live_tail.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/server/api_fixture.h"

namespace blockwatch {
namespace {

class LiveTailTest : public ApiTest {
 protected:
  // Everything above `after`, by the tail.
  static std::string from_tail(LiveTail& tail, const StreamQuestion& question,
                               std::uint64_t after) {
    std::string text;
    while (after < tail.through()) {
      const StreamPiece piece = tail.piece(question, after);
      EXPECT_GT(piece.through, after);
      if (piece.chunk) text += piece.chunk->plain();
      after = piece.through;
    }
    return text;
  }

  // The same by the store.
  std::string from_store(const StreamQuestion& question, std::uint64_t after,
                         std::uint64_t newest) {
    std::string text;
    auto reader = readers_->borrow();
    while (after < newest) {
      const auto piece = read_piece(**reader, question, after);
      EXPECT_TRUE(piece);
      EXPECT_GT(piece->through, after);
      if (piece->chunk) text += piece->chunk->plain();
      after = piece->through;
    }
    return text;
  }
};

TEST_F(LiveTailTest, GivesWhatTheStoreGives) {
  const std::uint32_t seed = 20261121;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<StreamQuestion> questions(4, {{}, default_event_fields(), true});
  questions[0].fields.push_back(EventField::kRaw);
  questions[1].filter.direction.any = {Direction::kInbound};
  questions[2].filter.remote_port.none = {{8080, 8080}};
  questions[2].fields = {EventField::kSeq, EventField::kRemotePort};
  questions[3].filter.q = "nowhere";
  LiveTail tail;
  tail.start(0);
  tail.want_raw();
  std::uint64_t stored = 0;
  for (int round = 0; round < 40; ++round) {
    const std::uint64_t more = 1 + random() % 90;
    for (auto facts = static_cast<std::int64_t>(random() % 3); facts > 0; --facts) {
      const Timestamp time{round * 10 + facts};
      store_facts({{.kind = CoverageKind::kLogCleared, .start = time, .end = time}});
    }
    store(stored + 1, stored + more);
    stored += more;
    ASSERT_TRUE(tail.read_to(stored, *readers_));
    ASSERT_EQ(tail.through(), stored);
    for (const StreamQuestion& question : questions) {
      std::uint64_t after = random() % (stored + 1);
      while (!tail.covers(after)) after += 7;
      ASSERT_EQ(from_tail(tail, question, after), from_store(question, after, stored)) << after;
    }
  }
  EXPECT_NE(from_store(questions[3], 0, stored).find("event: gap"), std::string::npos);
  EXPECT_FALSE(tail.covers(0)) << "it keeps the newest only";
  EXPECT_TRUE(tail.covers(stored - 1000));
}

TEST_F(LiveTailTest, LeavesAFloodToTheStore) {
  store(1, 5);
  LiveTail tail;
  tail.start(5);
  store(6, 5000);
  ASSERT_TRUE(tail.read_to(5000, *readers_));
  EXPECT_EQ(tail.through(), 5000U);
  EXPECT_FALSE(tail.covers(5));
  EXPECT_TRUE(tail.covers(5000));
}

TEST_F(LiveTailTest, BeginsAgainBehindWhatRetentionTook) {
  store(1, 5);
  LiveTail tail;
  tail.start(2);
  ASSERT_TRUE(store_->delete_oldest(4, kMaxTimestamp));
  ASSERT_TRUE(tail.read_to(5, *readers_));
  EXPECT_FALSE(tail.covers(2)) << "the client must read the gap from the store";
  EXPECT_TRUE(tail.covers(5));
}

// Clients that are behind at different places meet, so that they can share what is read.
TEST_F(LiveTailTest, PiecesOfTheStoreMeet) {
  store(1, 1000);
  const StreamQuestion all{{}, {EventField::kSeq}, false};
  auto reader = readers_->borrow();
  auto ends = [&](std::uint64_t after) {
    std::vector<std::uint64_t> seqs;
    while (after < 1000) {
      after = read_piece(**reader, all, after)->through;
      seqs.push_back(after);
    }
    return seqs;
  };
  const auto first = ends(0);
  for (std::uint64_t after : {1U, 63U, 64U, 65U, 500U}) {
    const auto other = ends(after);
    ASSERT_GT(other.size(), 3U);
    EXPECT_EQ(std::vector(other.end() - 3, other.end()), std::vector(first.end() - 3, first.end()));
  }
}

}  // namespace
}  // namespace blockwatch
