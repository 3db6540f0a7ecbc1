// Feedback schedules and convolutional networks in a whole run.
#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/trainer/training_run_harness.h"

namespace tpsweep::trainer {
namespace {

using ScheduleRun = TrainingRunTest;

v1::TrainingSpec PlainFeedbackSgd(const std::string& rule) {
  v1::TrainingSpec spec = SmallSpec(rule);
  spec.mutable_feedback()->mutable_sgd()->set_momentum(0);
  spec.set_epochs(2);
  return spec;
}

TEST_F(ScheduleRun, SeparatePassesTrainOneSideAtATime) {
  v1::TrainingSpec spec = PlainFeedbackSgd("ddtp_linear");
  spec.mutable_feedback_schedule()->set_separate(true);
  spec.set_epochs(1);
  const auto run = Make(spec);
  const std::string start = run->Checkpoint();
  const std::string middle = Finish(*run, 9).checkpoint;  // a pass has 9 mini-batches
  const std::string end = Finish(*run).checkpoint;
  const auto is_same = [](const std::string& a, const std::string& b, const char* name) {
    return TensorOf(a, name).data == TensorOf(b, name).data;
  };
  EXPECT_TRUE(is_same(start, middle, "W1"));
  EXPECT_FALSE(is_same(start, middle, "Q1"));
  EXPECT_FALSE(is_same(middle, end, "W1"));
  EXPECT_TRUE(is_same(middle, end, "Q1"));
  // No feedback step belongs to a training mini-batch.
  const Outcome outcome = Train(spec);
  EXPECT_FALSE(outcome.measurements.at(0).scalars().contains("feedback/loss"));
}

TEST_F(ScheduleRun, SeparatePassesResumeToTheSameBits) {
  v1::TrainingSpec spec = SmallSpec("dtp");
  spec.set_epochs(2);
  spec.mutable_feedback_schedule()->set_pretraining_epochs(1);
  spec.mutable_feedback_schedule()->set_separate(true);
  spec.mutable_feedback_schedule()->set_extra_epochs(1);
  ExpectResumableAnywhere(spec, 5);
}

// With plain SGD a gradient of zero moves nothing.
TEST_F(ScheduleRun, OneRandomPathMovesOnePathAStep) {
  v1::TrainingSpec spec = PlainFeedbackSgd("dtp");
  spec.mutable_network()->add_hidden(8);  // paths Q2, Q3, Q4
  spec.mutable_feedback_schedule()->set_one_random_path(true);
  const auto run = Make(spec);
  std::string before = run->Checkpoint();
  std::set<int> drawn;
  for (int step = 0; step < 18; ++step) {
    const std::string after = Finish(*run, 1).checkpoint;
    std::vector<int> moved;
    for (int k = 2; k <= 4; ++k) {
      const auto differs = [&](const std::string& name) {
        return TensorOf(before, name).data != TensorOf(after, name).data;
      };
      const bool weights = differs(absl::StrCat("Q", k));
      EXPECT_EQ(weights, differs(absl::StrCat("d", k))) << step;
      if (weights) moved.push_back(k);
    }
    ASSERT_EQ(moved.size(), 1u) << step;
    drawn.insert(moved[0]);
    before = after;
  }
  EXPECT_EQ(drawn, (std::set<int>{2, 3, 4}));
}

TEST_F(ScheduleRun, OneRandomPathResumesToTheSameBits) {
  v1::TrainingSpec spec = PlainFeedbackSgd("ddtp_linear");
  spec.mutable_feedback_schedule()->set_one_random_path(true);
  spec.mutable_feedback_schedule()->set_extra_minibatches(1);
  ExpectResumableAnywhere(spec, 5);
  const auto one = Train(spec).Bits();
  spec.set_threads_per_run(3);
  EXPECT_EQ(Train(spec).Bits(), one);
}

TEST_F(ScheduleRun, RmsPropResumesToTheSameBits) {
  v1::TrainingSpec spec = SmallSpec("ddtp_linear");
  spec.set_epochs(2);
  for (v1::Optimiser* optimiser : {spec.mutable_forward(), spec.mutable_feedback()}) {
    optimiser->mutable_rmsprop()->set_alpha(0.95);
    optimiser->mutable_rmsprop()->add_epsilon(0.03);
    optimiser->mutable_rmsprop()->set_centred(optimiser == spec.mutable_forward());
  }
  ExpectResumableAnywhere(spec, 5);
}

// Two convolutions with pools and a dense layer, on images of 9 x 9 whose
// classes are stripes: the first pool is narrower than their period, or it would see all alike.
class ConvRun : public TrainingRunTest, public testing::WithParamInterface<const char*> {
 protected:
  ConvRun() { WriteSyntheticIdx(folder_.File("images"), {.train = 150, .side = 9}); }

  v1::TrainingSpec Spec() const {
    v1::TrainingSpec spec = SmallSpec(GetParam(), "images");
    v1::Network& network = *spec.mutable_network();
    network.clear_hidden();
    for (const int pool : {2, 3}) {
      v1::Conv& conv = *network.add_layers()->mutable_conv();
      conv.set_channels(3 * pool);
      conv.set_kernel(3);
      conv.set_stride(1);
      conv.set_padding(1);
      conv.set_pool(pool);
      conv.set_pool_stride(2);
      conv.set_pool_padding(pool / 3);
    }
    network.add_layers()->mutable_dense()->set_units(12);
    if (spec.has_ddtp_linear()) spec.mutable_ddtp_linear()->set_last_hidden_bias(true);
    return spec;
  }
};

INSTANTIATE_TEST_SUITE_P(Rules, ConvRun, testing::Values("bp", "ddtp_linear"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(ConvRun, Learns) {
  v1::TrainingSpec spec = Spec();
  spec.set_epochs(25);
  spec.mutable_feedback_schedule()->set_pretraining_epochs(2);
  const Outcome outcome = Train(spec);
  ASSERT_EQ(outcome.end, TrainingRun::End::kCompleted) << outcome.message;
  const v1::Measurement& last = outcome.measurements.back();
  EXPECT_LT(Scalar(last, "train/loss"), 0.5 * Scalar(outcome.measurements[0], "train/loss"));
  EXPECT_LT(Scalar(last, "test/error"), 0.1);
}

TEST_P(ConvRun, ResumesToTheSameBits) {
  v1::TrainingSpec spec = Spec();
  spec.set_epochs(2);
  ExpectResumableAnywhere(spec, 5);
}

TEST_P(ConvRun, SameBitsForAnyNumberOfThreads) {
  v1::TrainingSpec spec = Spec();
  spec.set_epochs(1);
  const auto one = Train(spec).Bits();
  for (const int threads : {2, 3}) {
    spec.set_threads_per_run(threads);
    EXPECT_EQ(Train(spec).Bits(), one) << threads;
  }
}

}  // namespace
}  // namespace tpsweep::trainer
