#include "client/values.h"

#include <gmock/gmock.h>

#include <limits>

#include "google/protobuf/util/json_util.h"

namespace tpsweep::client {
namespace {

using testing::ElementsAre;

google::protobuf::Value Value(const std::string& json) {
  google::protobuf::Value value;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &value).ok()) << json;
  return value;
}

TEST(MetricText, HasFourDigitsBehindThePointWhereThatSaysSomething) {
  EXPECT_EQ(MetricText(0.12345), "0.1235");
  EXPECT_EQ(MetricText(2.5), "2.5000");
  EXPECT_EQ(MetricText(0), "0.0000");
  EXPECT_EQ(MetricText(0.000123456), "0.000123");
  EXPECT_EQ(MetricText(1.5e7), "1.5e+07");
  EXPECT_EQ(MetricText(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(MetricText(std::numeric_limits<double>::infinity()), "inf");
}

TEST(DurationText, IsRoughWhereExactnessSaysNothing) {
  EXPECT_EQ(DurationText(absl::Milliseconds(1234)), "1.2 s");
  EXPECT_EQ(DurationText(absl::Seconds(42)), "42 s");
  EXPECT_EQ(DurationText(absl::Seconds(125)), "2 min 5 s");
  EXPECT_EQ(DurationText(absl::Minutes(200)), "3 h 20 min");
  EXPECT_EQ(DurationText(absl::Hours(50)), "2 days 2 h");
}

TEST(Parameter, ReadsLikeTheSweepFile) {
  EXPECT_EQ(ParameterText(Value("0.00026123")), "0.0002612");
  EXPECT_EQ(ParameterText(Value("256")), "256");
  EXPECT_EQ(ParameterText(Value("\"tanh\"")), "tanh");
  EXPECT_EQ(ParameterText(Value("true")), "true");
  EXPECT_EQ(ParameterText(Value("[256, 128]")), "[256, 128]");
}

TEST(Parameter, KeepsItsTypeInJson) {
  EXPECT_EQ(ParameterJson(Value("[256, 0.5, \"a\", false]")).dump(), R"([256,0.5,"a",false])");
  EXPECT_EQ(ParameterJson(Value("0.1")).dump(), "0.1");
  EXPECT_EQ(ParameterJson(Value("1e300")).dump(), "1e+300");
}

TEST(StateText, HasNoPrefix) {
  EXPECT_EQ(StateText(v1::STUDY_STATE_ACTIVE), "ACTIVE");
  EXPECT_EQ(StateText(v1::TRIAL_STATE_INFEASIBLE), "INFEASIBLE");
  EXPECT_EQ(StateText(v1::RUN_STATE_SUCCEEDED), "SUCCEEDED");
}

TEST(HasEnded, AgreesWithTheCountsOfEndedRuns) {
  v1::RunCounts counts;
  counts.set_queued(100);
  counts.set_running(100);
  counts.set_paused(100);
  EXPECT_EQ(EndedRuns(counts), 0);
  counts.set_succeeded(1);
  counts.set_stopped(2);
  counts.set_infeasible(4);
  counts.set_failed(8);
  counts.set_cancelled(16);
  EXPECT_EQ(EndedRuns(counts), 31);
  EXPECT_FALSE(HasEnded(v1::RUN_STATE_PAUSED));
  EXPECT_TRUE(HasEnded(v1::RUN_STATE_INFEASIBLE));
  EXPECT_FALSE(HasEnded(v1::STUDY_STATE_PAUSED));
  EXPECT_TRUE(HasEnded(v1::STUDY_STATE_CANCELLED));
}

TEST(CountsText, NamesWhatIsThere) {
  v1::RunCounts counts;
  EXPECT_EQ(CountsText(counts), "none yet");
  counts.set_succeeded(7);
  counts.set_running(2);
  EXPECT_EQ(CountsText(counts), "2 running, 7 succeeded");
}

TEST(SizeText, MindsTheSingular) {
  v1::StudySpec spec;
  spec.mutable_search()->set_replicates(2);
  EXPECT_EQ(SizeText(spec, 12), "6 trials x 2 replicates = 12 runs");
  spec.mutable_search()->set_replicates(1);
  EXPECT_EQ(SizeText(spec, 1), "1 trial x 1 replicate = 1 run");
  EXPECT_EQ(SizeText(spec, -1), "1 replicate of each trial");
}

TEST(TimeText, SaysNothingOfATimeThatIsNotSet) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(TimeText(time), "");
  EXPECT_TRUE(TimeJson(time).is_null());
  time.set_seconds(1'800'000'000);
  time.set_nanos(250'000'000);
  EXPECT_EQ(TimeJson(time), "2027-01-15T08:00:00.250Z");
}

TEST(ShortNames, AreTheShortestThatTellApart) {
  EXPECT_THAT(
      ShortNames({"training.rule", "training.forward.lr", "training.feedback.lr",
                  "training.rule.dtp.sigma", "training.rule.ddtp_linear.sigma", "training.epochs"}),
      ElementsAre("rule", "forward.lr", "feedback.lr", "dtp.sigma", "ddtp_linear.sigma", "epochs"));
}

TEST(ShortNames, DoNotTakeAPartOfAWordForAnEnding) {
  EXPECT_THAT(ShortNames({"a.lr", "b.my_lr"}), ElementsAre("lr", "my_lr"));
}

TEST(ShortNames, KeepAPathThatEndsAnother) {
  EXPECT_THAT(ShortNames({"lr", "forward.lr"}), ElementsAre("lr", "forward.lr"));
}

TEST(ShortNames, KeepIndices) {
  EXPECT_THAT(ShortNames({"training.forward.lr[0]", "training.forward.lr[1]"}),
              ElementsAre("lr[0]", "lr[1]"));
}

}  // namespace
}  // namespace tpsweep::client
