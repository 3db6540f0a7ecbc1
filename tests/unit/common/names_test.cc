#include "common/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/status_matchers.h"

namespace tpsweep {
namespace {

using ::testing::HasSubstr;

TEST(NamesTest, ParsingIsTheInverseOfFormatting) {
  const AttemptName attempt{"a.b-c_9", 3, 0, 12};
  EXPECT_EQ(ToString(attempt), "studies/a.b-c_9/trials/3/runs/0/attempts/12");
  EXPECT_THAT(ParseAttemptName(ToString(attempt)), IsOkAndHolds(attempt));
  const RunName run = ParentOf(attempt);
  EXPECT_EQ(ToString(run), "studies/a.b-c_9/trials/3/runs/0");
  EXPECT_THAT(ParseRunName(ToString(run)), IsOkAndHolds(run));
  const TrialName trial = ParentOf(run);
  EXPECT_EQ(ToString(trial), "studies/a.b-c_9/trials/3");
  EXPECT_THAT(ParseTrialName(ToString(trial)), IsOkAndHolds(trial));
  const StudyName study = ParentOf(trial);
  EXPECT_EQ(ToString(study), "studies/a.b-c_9");
  EXPECT_THAT(ParseStudyName(ToString(study)), IsOkAndHolds(study));
}

TEST(NamesTest, AnyKindIsTold) {
  EXPECT_THAT(ParseResourceName("studies/s"), IsOkAndHolds(ResourceName{"s", {}, {}, {}}));
  EXPECT_THAT(ParseResourceName("studies/s/trials/1"), IsOkAndHolds(ResourceName{"s", 1, {}, {}}));
  EXPECT_THAT(ParseResourceName("studies/s/trials/1/runs/2"),
              IsOkAndHolds(ResourceName{"s", 1, 2, {}}));
  EXPECT_THAT(ParseResourceName("studies/s/trials/1/runs/2/attempts/3"),
              IsOkAndHolds(ResourceName{"s", 1, 2, 3}));
}

TEST(NamesTest, LargestNamesAreLegal) {
  const std::string longest = "studies/" + std::string(128, 'x') + "/trials/999999999999999999" +
                              "/runs/999999999999999999/attempts/999999999999999999";
  TP_ASSERT_OK_AND_ASSIGN(const AttemptName name, ParseAttemptName(longest));
  EXPECT_EQ(name.trial, 999999999999999999);
  EXPECT_EQ(ToString(name), longest);
}

struct BadName {
  std::string name;
  std::string reason;
};

class BadNamesTest : public testing::TestWithParam<BadName> {};

TEST_P(BadNamesTest, IsRefusedWithTheReason) {
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().reason));
  EXPECT_THAT(ParseAttemptName(GetParam().name), refused);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadNamesTest,
    testing::Values(
        BadName{"", "\"\" is not the name of an attempt"}, BadName{"studies/s", "it has 2 parts"},
        BadName{"studies/s/trials/0/runs/0/attempts/1/", "it has 9 parts"},
        BadName{"study/s/trials/0/runs/0/attempts/1", "expected \"studies\", found \"study\""},
        BadName{"studies/s/runs/0/trials/0/attempts/1", "expected \"trials\", found \"runs\""},
        BadName{"studies//trials/0/runs/0/attempts/1", "the study's name is empty"},
        BadName{"studies/-s/trials/0/runs/0/attempts/1", "\"-s\" must be letters"},
        BadName{"studies/s t/trials/0/runs/0/attempts/1", "\"s t\" must be letters"},
        BadName{"studies/" + std::string(129, 'x') + "/trials/0/runs/0/attempts/1",
                "129 characters; at most 128"},
        BadName{"studies/s/trials//runs/0/attempts/1", "\"\" is not a number"},
        BadName{"studies/s/trials/-1/runs/0/attempts/1", "\"-1\" is not a number"},
        BadName{"studies/s/trials/+1/runs/0/attempts/1", "\"+1\" is not a number"},
        BadName{"studies/s/trials/1 /runs/0/attempts/1", "\"1 \" is not a number"},
        BadName{"studies/s/trials/01/runs/0/attempts/1", "\"01\" has a leading zero"},
        BadName{"studies/s/trials/1/runs/1000000000000000000/attempts/1", "more than 18 digits"},
        BadName{"studies/s/trials/1/runs/0/attempts/0", "\"0\" is below 1"},
        BadName{std::string("studies/s\0/trials/0/runs/0/attempts/1", 37), "s\\000"},
        BadName{std::string(100000, '/'), "100000 characters; at most 512"}));

TEST(NamesTest, EachKindRefusesTheOthers) {
  EXPECT_THAT(ParseStudyName("studies/s/trials/1"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseTrialName("studies/s"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseRunName("studies/s/trials/1"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseResourceName("studies"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseResourceName("studies/s/trials"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseResourceName("workers/w"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace tpsweep
