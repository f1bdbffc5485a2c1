// Lists of (value, position) come back as they were put in, and damaged ones end in an error.

#include "storage/posting_internal.h"

#include <SQLiteCpp/Exception.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <map>
#include <random>
#include <set>

namespace blockwatch {
namespace {

template <class Value>
struct StoredBlock {
  Value value{};
  std::uint32_t position = 0;
  std::string data;
  PostingBlock<Value> block() const { return {value, position, data}; }
};

template <class Value>
using Groups = std::map<Value, std::vector<std::uint32_t>>;

class Random {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  void make(std::int64_t& value) {
    switch (below(4)) {
      case 0:
        value = static_cast<std::int64_t>(random_());
        break;
      case 1:
        value = below(2) == 0 ? INT64_MIN : INT64_MAX;
        break;
      default:
        value = static_cast<std::int64_t>(below(300)) - 20;
    }
  }
  void make(IpAddress& value) {
    value.bytes.fill(static_cast<std::uint8_t>(below(2) * 0xff));
    value.bytes[15] = static_cast<std::uint8_t>(below(256));
    value.bytes[below(16)] = static_cast<std::uint8_t>(below(256));
  }

  template <class Value>
  Groups<Value> groups(std::uint32_t rows) {
    Groups<Value> groups;
    for (std::uint64_t n = 1 + below(60); n > 0; --n) {
      Value value;
      make(value);
      std::set<std::uint32_t> positions;
      // Many neighbours, or a few far apart.
      std::uint64_t count = below(5) == 0 ? 1 + below(4000) : 1 + below(12);
      std::uint64_t first = below(rows);
      std::uint64_t spread = below(2) == 0 ? 3 : rows;
      for (; count > 0; --count) {
        positions.insert(static_cast<std::uint32_t>((first + below(spread * count)) % rows));
      }
      groups[value].assign(positions.begin(), positions.end());
    }
    return groups;
  }

 private:
  std::mt19937_64 random_;
};

template <class Value>
std::vector<StoredBlock<Value>> finish(PostingEncoder<Value>& encoder) {
  std::vector<StoredBlock<Value>> blocks;
  encoder.finish([&](const PostingBlock<Value>& block) {
    blocks.push_back({block.value, block.position, std::string(block.data)});
  });
  return blocks;
}

template <class Value>
std::vector<StoredBlock<Value>> encode(const Groups<Value>& groups) {
  PostingEncoder<Value> encoder;
  for (const auto& [value, positions] : groups) {
    for (std::uint32_t position : positions) encoder.add(value, position);
  }
  return finish(encoder);
}

template <class Value>
void expect_bounds(const std::vector<StoredBlock<Value>>& blocks) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_LE(blocks[i].data.size(), kBlockBytes);
    EXPECT_FALSE(blocks[i].data.empty());
    if (i == 0) continue;
    // Keys rise: a table keeps one block for each.
    EXPECT_LT(std::pair(blocks[i - 1].value, blocks[i - 1].position),
              std::pair(blocks[i].value, blocks[i].position));
  }
}

template <class Value>
void round_trip(std::uint64_t seed) {
  Random random(seed);
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round));
    auto rows =
        static_cast<std::uint32_t>(1 + random.below(random.below(2) == 0 ? 500 : 1U << 26U));
    Groups<Value> groups = random.groups<Value>(rows);
    auto blocks = encode(groups);
    expect_bounds(blocks);
    Groups<Value> got;
    for (const auto& stored : blocks) {
      PostingDecoder<Value> decoder(stored.block());
      bool first = true;
      while (decoder.next()) {
        auto& positions = got[decoder.value()];
        std::size_t before = positions.size();
        decoder.positions(rows, [&](std::uint32_t position) { positions.push_back(position); });
        ASSERT_EQ(positions.size() - before, decoder.count());
        if (first) {
          ASSERT_EQ(decoder.value(), stored.value);
          ASSERT_EQ(positions.at(before), stored.position);
        }
        first = false;
      }
    }
    ASSERT_EQ(got, groups);
  }
}

TEST(Posting, NumbersComeBackWithTheirPositions) { round_trip<std::int64_t>(1); }

TEST(Posting, AddressesComeBackWithTheirPositions) { round_trip<IpAddress>(2); }

// As a merge adds them: in groups as they were read, each with all its positions moved.
template <class Value>
void join(std::uint64_t seed) {
  Random random(seed);
  constexpr std::uint32_t kRows = 6000;
  for (int round = 0; round < 15; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round));
    std::vector<std::vector<StoredBlock<Value>>> parts;
    Groups<Value> want;
    for (std::uint32_t part = 0; part < 5; ++part) {
      // Half the values of all parts are the same.
      Random values(random.below(2) == 0 ? 77 : random.below(1000));
      Groups<Value> groups = values.groups<Value>(kRows);
      parts.push_back(encode(groups));
      for (const auto& [value, positions] : groups) {
        for (std::uint32_t position : positions) want[value].push_back(part * kRows + position);
      }
    }
    PostingEncoder<Value> encoder;
    for (const auto& [value, positions] : want) {
      for (std::uint32_t part = 0; part < parts.size(); ++part) {
        for (const auto& stored : parts[part]) {
          PostingDecoder<Value> decoder(stored.block());
          while (decoder.next()) {
            PostingGroup group = decoder.group(kRows);
            ASSERT_EQ(group.count, decoder.count());
            if (decoder.value() != value) continue;
            group.first += part * kRows;
            group.last += part * kRows;
            encoder.add(value, group);
          }
        }
      }
    }
    auto blocks = finish(encoder);
    expect_bounds(blocks);
    Groups<Value> got;
    std::size_t bytes = 0;
    for (const auto& stored : blocks) {
      bytes += stored.data.size();
      PostingDecoder<Value> decoder(stored.block());
      while (decoder.next()) {
        decoder.positions(kRows * 5, [&](std::uint32_t p) { got[decoder.value()].push_back(p); });
      }
    }
    ASSERT_EQ(got, want);
    // Blocks are filled: what is joined takes no more than what was encoded at once.
    std::size_t at_once = 0;
    for (const auto& block : encode(want)) at_once += block.data.size();
    ASSERT_LE(bytes, at_once + 5 * blocks.size());
    ASSERT_LE(blocks.size(), at_once / kBlockBytes + at_once / kBlockBytes / 16 + 2);
  }
}

TEST(Posting, GroupsAreJoinedAsTheyAre) {
  join<std::int64_t>(5);
  join<IpAddress>(6);
}

TEST(Posting, AnEncoderStartsAgainAfterItWasFinished) {
  PostingEncoder<std::int64_t> encoder;
  encoder.add(7, 3);
  ASSERT_EQ(finish(encoder).size(), 1U);
  EXPECT_TRUE(finish(encoder).empty());
  encoder.add(5, 3);
  encoder.add(5, 9);
  auto blocks = finish(encoder);
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0].value, 5);
  EXPECT_EQ(blocks[0].position, 3U);
}

TEST(Posting, TheNumberOfRowsIsAHardBound) {
  auto blocks = encode<std::int64_t>({{1, {0, 5, 9}}});
  auto read = [&](std::uint32_t rows) {
    PostingDecoder<std::int64_t> decoder(blocks.at(0).block());
    EXPECT_TRUE(decoder.next());
    decoder.positions(rows, [&](std::uint32_t position) { EXPECT_LT(position, rows); });
  };
  EXPECT_NO_THROW(read(10));
  EXPECT_THROW(read(9), SQLite::Exception);
  EXPECT_THROW(read(0), SQLite::Exception);
}

template <class Value>
void counts_come_back(std::uint64_t seed) {
  Random random(seed);
  std::map<Value, std::uint64_t> want;
  for (int i = 0; i < 2000; ++i) {
    Value value;
    random.make(value);
    want[value] = i % 3 == 0 ? UINT64_MAX - random.below(9) : 1 + random.below(500);
  }
  PostingEncoder<Value> encoder;
  for (const auto& [value, n] : want) encoder.add_count(value, n);
  auto blocks = finish(encoder);
  expect_bounds(blocks);
  std::map<Value, std::uint64_t> got;
  for (const auto& stored : blocks) {
    PostingDecoder<Value> decoder(stored.block());
    while (decoder.next_count()) got[decoder.value()] = decoder.count();
  }
  EXPECT_EQ(got, want);
}

TEST(Posting, CountsComeBack) {
  counts_come_back<std::int64_t>(3);
  counts_come_back<IpAddress>(4);
}

// Reads a block to its end as lists are read; every position stays below `rows`.
template <class Value>
void read_all(const StoredBlock<Value>& stored, std::uint32_t rows) {
  try {
    PostingDecoder<Value> decoder(stored.block());
    while (decoder.next()) {
      decoder.positions(rows, [&](std::uint32_t position) { ASSERT_LT(position, rows); });
    }
  } catch (const SQLite::Exception& e) {
    ASSERT_EQ(e.getErrorCode(), SQLITE_CORRUPT);
  }
  try {
    PostingDecoder<Value> decoder(stored.block());
    while (decoder.next_count()) ASSERT_NE(decoder.count(), 0U);
  } catch (const SQLite::Exception& e) {
    ASSERT_EQ(e.getErrorCode(), SQLITE_CORRUPT);
  }
}

template <class Value>
void damage(std::uint64_t seed) {
  Random random(seed);
  constexpr std::uint32_t kRows = 5000;
  for (int round = 0; round < 40; ++round) {
    auto blocks = encode(random.groups<Value>(kRows));
    for (const auto& whole : blocks) {
      for (int i = 0; i < 60; ++i) {
        auto damaged = whole;
        for (std::uint64_t flips = 1 + random.below(4); flips > 0; --flips) {
          auto& byte = damaged.data[random.below(damaged.data.size())];
          byte = static_cast<char>(byte ^ static_cast<char>(1U << random.below(8)));
        }
        // In its own memory, so that the sanitizer sees the first byte beyond.
        if (random.below(4) == 0) damaged.data.resize(random.below(damaged.data.size()));
        damaged.data.shrink_to_fit();
        if (random.below(8) == 0)
          damaged.position = static_cast<std::uint32_t>(random.below(1U << 31U) * 2);
        read_all(damaged, kRows);
      }
    }
  }
}

TEST(Posting, DamagedNumbersEndInAnError) { damage<std::int64_t>(5); }

TEST(Posting, DamagedAddressesEndInAnError) { damage<IpAddress>(6); }

TEST(Posting, RandomBytesEndInAnError) {
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    StoredBlock<std::int64_t> block{0, static_cast<std::uint32_t>(random.below(100)), {}};
    for (std::uint64_t n = random.below(40); n > 0; --n) {
      block.data.push_back(static_cast<char>(random.below(3) == 0 ? 0xff : random.below(256)));
    }
    read_all(block, 100);
    read_all(StoredBlock<IpAddress>{{}, block.position, block.data}, 100);
  }
}

// One group of value + 0: `count` positions, the first `zigzag` from the block's own.
StoredBlock<std::int64_t> crafted(std::uint32_t position, std::uint64_t count, std::int64_t first,
                                  const std::string& gaps) {
  StoredBlock<std::int64_t> block{0, position, {}};
  put_varint(block.data, 0);
  put_varint(block.data, count);
  put_varint(block.data, zigzag(first));
  block.data += gaps;
  return block;
}

void expect_damaged(const StoredBlock<std::int64_t>& block) {
  PostingDecoder<std::int64_t> decoder(block.block());
  EXPECT_THROW(decoder.next(), SQLite::Exception);
}

TEST(Posting, AGroupOfNothingIsDamage) {
  expect_damaged(crafted(0, 0, 0, std::string(10, '\0')));
  StoredBlock<std::int64_t> block{0, 0, std::string(2, '\0')};
  PostingDecoder<std::int64_t> decoder(block.block());
  EXPECT_THROW(decoder.next_count(), SQLite::Exception);
}

TEST(Posting, AFirstPositionOutsideOf32BitsIsDamage) {
  expect_damaged(crafted(5, 1, -6, {}));
  expect_damaged(crafted(5, 1, INT64_MAX, {}));
  expect_damaged(crafted(5, 1, INT64_MIN, {}));
  expect_damaged(crafted(5, 1, std::int64_t{1} << 32U, {}));  // as 32 bits the 5 again
}

TEST(Posting, ManyMorePositionsThanBytesEndInAnError) {
  auto block = crafted(0, UINT64_MAX, 0, std::string(900, '\1'));
  PostingDecoder<std::int64_t> decoder(block.block());
  ASSERT_TRUE(decoder.next());
  EXPECT_THROW(decoder.positions(1'000'000, [](std::uint32_t) {}), SQLite::Exception);
}

}  // namespace
}  // namespace blockwatch
