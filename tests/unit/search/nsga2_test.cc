#include "server/search/nsga2.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tpsweep::server {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;

TEST(Nsga2Test, Domination) {
  EXPECT_TRUE(Dominates({{1, 2}}, {{1, 3}}));
  EXPECT_FALSE(Dominates({{1, 3}}, {{1, 2}}));
  EXPECT_FALSE(Dominates({{1, 2}}, {{1, 2}}));
  EXPECT_FALSE(Dominates({{1, 3}}, {{2, 1}}));
  // Constraints come before objectives.
  EXPECT_TRUE(Dominates({{9, 9}, 0}, {{1, 1}, 0.1}));
  EXPECT_TRUE(Dominates({{9, 9}, 0.1}, {{1, 1}, 0.2}));
}

TEST(Nsga2Test, FrontsByHand) {
  const std::vector<Candidate> candidates = {{{3, 3}}, {{1, 4}}, {{2, 2}},   {{4, 1}},
                                             {{4, 4}}, {{2, 2}}, {{0, 0}, 1}};
  EXPECT_THAT(Fronts(candidates, candidates.size()), ElementsAre(1, 0, 0, 0, 2, 0, 3));
}

TEST(Nsga2Test, FrontsOfThreeObjectives) {
  const std::vector<Candidate> candidates = {{{1, 2, 3}}, {{3, 2, 1}}, {{2, 2, 2}}, {{2, 3, 3}}};
  EXPECT_THAT(Fronts(candidates, candidates.size()), ElementsAre(0, 0, 0, 1));
}

TEST(Nsga2Test, FrontsBeyondWhatIsEnoughAreNotToldApart) {
  const std::vector<Candidate> candidates = {{{1}}, {{2}}, {{3}}, {{4}}, {{2}}};
  EXPECT_THAT(Fronts(candidates, 2), ElementsAre(0, 1, 2, 2, 1));
}

TEST(Nsga2Test, CrowdingByHand) {
  const std::vector<Candidate> candidates = {{{0, 10}}, {{1, 4}}, {{4, 1}}, {{10, 0}}};
  const std::vector<int> members = {0, 1, 2, 3};
  // (4 - 0) / 10 + (10 - 1) / 10, and (10 - 1) / 10 + (4 - 0) / 10.
  EXPECT_THAT(Crowding(candidates, members),
              ElementsAre(INFINITY, DoubleEq(1.3), DoubleEq(1.3), INFINITY));
}

TEST(Nsga2Test, TheBestAreWholeFrontsThenTheRoomiest) {
  const std::vector<Candidate> candidates = {{{5, 5}}, {{0, 10}}, {{0.1, 9.9}},
                                             {{4, 4}}, {{10, 0}}, {{9, 9}}};
  EXPECT_THAT(BestByFront(candidates, 3), ElementsAre(1, 4, 3));
  EXPECT_THAT(BestByFront(candidates, 5), ElementsAre(1, 4, 3, 2, 0));
  EXPECT_EQ(BestByFront(candidates, 100).size(), 6);
}

}  // namespace
}  // namespace tpsweep::server
