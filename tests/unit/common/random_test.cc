#include "common/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace tpsweep {
namespace {

using testing::ElementsAre;

// The known answers of Random123 for philox4x32, 10 rounds.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_THAT(Philox(0, {0, 0, 0, 0}), ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(Philox(0xffffffffffffffff, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
              ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(Philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
              ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(DeriveSeed, GivesEveryPurposeAndNumberItsOwn) {
  std::set<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (uint64_t value = 0; value < 100; ++value) seeds.insert(DeriveSeed(seed, value));
    for (const char* purpose : {"", "init", "shuffle", "noise", "split"}) {
      seeds.insert(DeriveSeed(seed, purpose));
    }
  }
  EXPECT_EQ(seeds.size(), 20u * 105u);
  EXPECT_EQ(DeriveSeed(1, "noise"), DeriveSeed(1, "noise"));
}

TEST(RandomStream, ReadsTheBlocksOfPhiloxInOrder) {
  RandomStream stream(42);
  for (uint32_t block = 0; block < 3; ++block) {
    for (const uint32_t bits : Philox(42, {block, 0, 0, 0})) EXPECT_EQ(stream.NextBits32(), bits);
  }
}

TEST(RandomStream, UniformNumbersFillTheUnitInterval) {
  RandomStream stream(1);
  constexpr int kDraws = 100000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = stream.NextUniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  // Five standard errors.
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kDraws));
}

TEST(RandomStream, NormalNumbersHaveTheRightMoments) {
  RandomStream stream(2);
  constexpr int kDraws = 100000;
  double sum = 0, squares = 0, fourths = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double z = stream.NextNormal();
    ASSERT_TRUE(std::isfinite(z));
    sum += z;
    squares += z * z;
    fourths += z * z * z * z;
  }
  EXPECT_NEAR(sum / kDraws, 0, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(fourths / kDraws, 3, 5 * std::sqrt(96.0 / kDraws));
}

TEST(RandomStream, NextBelowIsUniform) {
  RandomStream stream(3);
  constexpr uint64_t kSides = 7;
  constexpr int kDraws = 70000;
  std::vector<int> counts(kSides);
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t side = stream.NextBelow(kSides);
    ASSERT_LT(side, kSides);
    ++counts[side];
  }
  double chi_squared = 0;
  for (const int count : counts) chi_squared += std::pow(count - 10000.0, 2) / 10000.0;
  EXPECT_LT(chi_squared, 22.5);  // 6 degrees of freedom: exceeded once in a thousand
}

TEST(RandomStream, NextBelowManyIsUnbiased) {
  // Of 3 * 2^62 values a plain remainder would draw the lower third twice as often.
  constexpr uint64_t kMany = uint64_t{3} << 62;
  RandomStream stream(4);
  int lower_third = 0;
  for (int i = 0; i < 3000; ++i) lower_third += stream.NextBelow(kMany) < (uint64_t{1} << 62);
  EXPECT_NEAR(lower_third, 1000, 5 * std::sqrt(3000.0 * 2 / 9));
  EXPECT_EQ(stream.NextBelow(1), 0u);
}

}  // namespace
}  // namespace tpsweep
