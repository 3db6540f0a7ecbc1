#include "worker/agent/backlog.h"

#include <gmock/gmock.h>

#include <random>

namespace tpsweep::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::Measurement Measured(int64_t sequence) {
  v1::Measurement measurement;
  measurement.set_sequence(sequence);
  measurement.set_wall_seconds(1);  // all of one size, or nearly
  return measurement;
}

std::vector<int64_t> Sequences(const std::vector<v1::Measurement>& measurements) {
  std::vector<int64_t> sequences;
  for (const v1::Measurement& measurement : measurements) {
    sequences.push_back(measurement.sequence());
  }
  return sequences;
}

TEST(BacklogTest, KeepsTheOldestInMemoryAndReadsTheOthersInOrder) {
  Backlog backlog;
  for (int i = 1; i <= 6; ++i) backlog.Add(Measured(i));
  const std::vector<v1::Measurement> written = backlog.Unwritten();
  EXPECT_THAT(Sequences(written), ElementsAre(1, 2, 3, 4, 5, 6));
  backlog.Wrote(written);
  EXPECT_THAT(backlog.Unwritten(), IsEmpty());
  backlog.KeepOnlyOldest(backlog.bytes() / 3);
  EXPECT_EQ(backlog.sayable_to(), 2);
  backlog.Add(Measured(7));
  EXPECT_EQ(backlog.sayable_to(), 2) << "3 to 6 come first";
  EXPECT_EQ(backlog.size(), 7);
  backlog.Acknowledge(2);
  ASSERT_TRUE(backlog.WantsReading(1));
  EXPECT_EQ(backlog.read_offset(), 0);
  EXPECT_EQ(backlog.read_to(), 6);
  EXPECT_TRUE(backlog.Read({written.data(), 4}, 40));
  EXPECT_EQ(backlog.sayable_to(), 4);
  EXPECT_EQ(backlog.read_offset(), 40);
  EXPECT_TRUE(backlog.Read({written.data() + 4, 2}, 60));
  EXPECT_EQ(backlog.sayable_to(), 7);
  EXPECT_EQ(backlog.at(3).sequence(), 3);
  EXPECT_EQ(backlog.at(7).sequence(), 7);
  EXPECT_FALSE(backlog.WantsReading(1 << 20));
}

TEST(BacklogTest, RefusesWhatIsNotInOrder) {
  Backlog backlog;
  backlog.BeginOnDisk(0, 5);
  EXPECT_FALSE(backlog.Read({{Measured(2)}}, 10));
}

TEST(BacklogTest, TheFileMayGoOnceAllOfItIsAcknowledged) {
  Backlog backlog;
  backlog.Add(Measured(1));
  EXPECT_FALSE(backlog.MayClearDisk());
  backlog.Wrote(backlog.Unwritten());
  EXPECT_FALSE(backlog.MayClearDisk());
  backlog.Add(Measured(2));
  backlog.Acknowledge(1);
  EXPECT_TRUE(backlog.MayClearDisk());
  EXPECT_FALSE(backlog.MayClearDisk()) << "it is gone";
}

TEST(BacklogTest, WhatTheServerHasAlreadyIsNotKept) {
  Backlog backlog;
  backlog.BeginAfter(3);
  backlog.Acknowledge(5);
  for (int i = 4; i <= 6; ++i) backlog.Add(Measured(i));
  EXPECT_EQ(backlog.size(), 1);
  EXPECT_EQ(backlog.needs(), 5);
  EXPECT_EQ(backlog.last(), 6);
}

// A run that measures, a server that acknowledges, a disk and a sender, in random order:
// the sender sees every measurement once, in order, and the memory stays small.
TEST(BacklogTest, LosesAndDoublesNothing) {
  constexpr int64_t kBytes = 200;
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    Backlog backlog;
    std::vector<v1::Measurement> disk;
    int64_t said = 0, measured = 0, acknowledged = 0;
    for (int step = 0; step < 2000; ++step) {
      switch (random() % 4) {
        case 0:
          if (backlog.MayClearDisk()) disk.clear();
          if (backlog.bytes() >= kBytes) {
            const std::vector<v1::Measurement> unwritten = backlog.Unwritten();
            disk.insert(disk.end(), unwritten.begin(), unwritten.end());
            backlog.Wrote(unwritten);
            backlog.KeepOnlyOldest(kBytes / 2);
          }
          backlog.Add(Measured(++measured));
          break;
        case 1:
          if (backlog.WantsReading(kBytes / 2)) {
            const auto begin = static_cast<size_t>(backlog.read_offset());
            size_t end = begin;
            while (end < disk.size() && end < begin + 3 &&
                   disk[end].sequence() <= backlog.read_to()) {
              ++end;
            }
            ASSERT_GT(end, begin) << "seed " << seed;
            ASSERT_TRUE(backlog.Read({disk.data() + begin, end - begin}, static_cast<int64_t>(end)))
                << "seed " << seed;
          }
          break;
        case 2:
          said = std::max(said, backlog.needs());
          while (said < backlog.sayable_to()) {
            ++said;
            ASSERT_EQ(backlog.at(said).sequence(), said) << "seed " << seed;
          }
          break;
        default:
          if (said > acknowledged) {
            acknowledged +=
                1 + static_cast<int64_t>(random() % static_cast<unsigned>(said - acknowledged));
            backlog.Acknowledge(acknowledged);
          }
          if (random() % 10 == 0) said = acknowledged;  // a new stream
          break;
      }
      ASSERT_EQ(backlog.size(), measured - acknowledged) << "seed " << seed;
      ASSERT_LE(backlog.bytes(), 2 * kBytes) << "seed " << seed;
    }
    EXPECT_GT(acknowledged, 100) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tpsweep::agent
