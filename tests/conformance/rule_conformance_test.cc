// What every row of the table of rules must do.
#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/algorithm/container.h"
#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

template <class S>
bool LearnsFeedback(Trainee<S>& trainee) {
  return absl::c_any_of(trainee.rule->feedback_parameters(),
                        [](const Parameter<S>& parameter) { return !parameter.is_fixed; });
}

// Two noisy rings of points and their middle: not linearly separable.
struct ToyTask {
  Matrix<float> x = Matrix<float>(2, kBatch);
  Matrix<float> y = Matrix<float>::Zero(3, kBatch);
  static constexpr Index kBatch = 96;

  ToyTask() {
    const Matrix<float> draws = RandomMatrix<float>(2, kBatch, 1);
    for (Index b = 0; b < kBatch; ++b) {
      const Index label = b % 3;
      x.col(b) = static_cast<float>(label) * draws.col(b).normalized() + 0.1f * draws.col(b);
      y(label, b) = 1;
    }
  }
};

class RuleConformance : public testing::TestWithParam<std::string> {
 protected:
  const std::string& rule() const { return GetParam(); }
};

TEST_P(RuleConformance, ShapesAreRightAndEverythingIsFinite) {
  for (const std::vector<Index>& sizes :
       {std::vector<Index>{5, 3}, {5, 7, 3}, {1, 1, 1, 2}, {6, 5, 9, 4, 3}}) {
    Trainee<double> trainee(SpecOfRule(rule()), sizes);
    // The batch may change between steps.
    for (const Index batch : {8, 8, 3, 1}) {
      trainee.Step(RandomMatrix<double>(sizes.front(), batch, 1),
                   RandomTargets<double>(sizes.back(), batch, 2));
      const Pass<double>& pass = trainee.pass;
      for (size_t l = 1; l < sizes.size(); ++l) {
        if (pass.displacement.empty()) break;
        EXPECT_EQ(pass.target(l).rows(), trainee.network.size(static_cast<int>(l)));
        EXPECT_EQ(pass.target(l).cols(), batch);
        EXPECT_TRUE(pass.target(l).allFinite());
        EXPECT_LT((pass.h[l] + pass.displacement[l] - pass.target(l)).cwiseAbs().maxCoeff(), 1e-14);
      }
      for (const auto parameters :
           {trainee.network.parameters(), trainee.rule->feedback_parameters()}) {
        for (const auto& parameter : parameters) {
          EXPECT_EQ(parameter.gradient.rows(), parameter.value.rows()) << parameter.name;
          EXPECT_EQ(parameter.gradient.cols(), parameter.value.cols()) << parameter.name;
          EXPECT_TRUE(parameter.value.allFinite()) << parameter.name;
          EXPECT_GE(parameter.layer, 1);
          EXPECT_LE(parameter.layer, trainee.network.num_layers());
        }
      }
      // One loss for each hidden layer that is reconstructed.
      EXPECT_EQ(trainee.feedback_losses.size(), LearnsFeedback(trainee) ? sizes.size() - 2 : 0);
    }
  }
}

// The rules of [DI] are for dense networks: the door refuses others.
std::vector<std::string> RulesForConvolutions() {
  std::vector<std::string> names = RuleNames();
  std::erase_if(names, [](const std::string& name) { return InvertsErrors(SpecOfRule(name)); });
  return names;
}

class ConvolutionConformance : public RuleConformance {};

// Sizes are all that a rule needs to know of a layer.
TEST_P(ConvolutionConformance, TrainsConvolutionalLayers) {
  v1::TrainingSpec spec = SpecOfRule(rule());
  if (spec.has_ddtp_linear()) spec.mutable_ddtp_linear()->set_last_hidden_bias(true);
  spec.mutable_forward()->set_lr(0, 5e-3);
  Trainee<double> trainee(spec, ConvShapesFor(spec));
  const Matrix<double> x = RandomMatrix<double>(trainee.network.size(0), 4, 1);
  const Matrix<double> y = RandomTargets<double>(3, 4, 2);
  const double before = trainee.Evaluate(x, y).loss;
  for (int step = 0; step < 100; ++step) trainee.Step(x, y);
  EXPECT_LT(trainee.Evaluate(x, y).loss, 0.8 * before);
  for (const auto& parameter : trainee.network.parameters()) {
    EXPECT_TRUE(parameter.gradient.allFinite()) << parameter.name;
    EXPECT_TRUE((parameter.gradient.array() != 0).any()) << parameter.name;
  }
  for (const auto& parameter : trainee.rule->feedback_parameters()) {
    EXPECT_TRUE(parameter.value.allFinite()) << parameter.name;
  }
  EXPECT_EQ(trainee.feedback_losses.size(), LearnsFeedback(trainee) ? 3 : 0);
}

template <class S>
void ExpectNoErrorNoUpdate(Trainee<S>& trainee, Index batch) {
  trainee.Evaluate(RandomMatrix<S>(trainee.network.size(0), batch, 1),
                   RandomTargets<S>(3, batch, 2));
  trainee.pass.output_error.setZero();
  trainee.rule->ComputeUpdate(trainee.network, trainee.pass);
  for (size_t l = 1; l < trainee.pass.displacement.size(); ++l) {
    EXPECT_EQ(trainee.pass.target(l), trainee.pass.h[l]);
  }
  for (const auto& parameter : trainee.network.parameters()) {
    EXPECT_TRUE((parameter.gradient.array() == 0).all()) << parameter.name;
  }
}

// Every rule takes differences so that this is exact. Batches of many sizes, since the
// edges of a matrix product are computed by other code than its middle.
TEST_P(RuleConformance, NoErrorGivesExactlyNoUpdate) {
  for (const Index batch : {1, 2, 3, 5, 7, 13, 37}) {
    Trainee<float> in_float(SpecOfRule(rule()), {6, 33, 18, 3});
    ExpectNoErrorNoUpdate(in_float, batch);
    Trainee<double> in_double(SpecOfRule(rule()), {6, 33, 18, 3});
    ExpectNoErrorNoUpdate(in_double, batch);
  }
}

TEST_P(ConvolutionConformance, NoErrorGivesExactlyNoUpdate) {
  const v1::TrainingSpec spec = SpecOfRule(rule());
  Trainee<float> with_convolutions(spec, ConvShapesFor(spec));
  ExpectNoErrorNoUpdate(with_convolutions, 3);
}

TEST_P(RuleConformance, FixedParametersNeverMoveAndHaveNoGradient) {
  Trainee<float> trainee(SpecOfRule(rule()), {5, 7, 6, 3});
  std::vector<Matrix<float>> before;
  for (const auto& p : trainee.rule->feedback_parameters()) before.push_back(p.value);
  for (int step = 0; step < 3; ++step) {
    trainee.Step(RandomMatrix<float>(5, 4, 1), RandomTargets<float>(3, 4, 2));
  }
  for (size_t i = 0; i < before.size(); ++i) {
    const Parameter<float>& parameter = trainee.rule->feedback_parameters()[i];
    EXPECT_EQ(parameter.is_fixed, parameter.value == before[i]) << parameter.name;
    EXPECT_EQ(parameter.is_fixed, (parameter.gradient.array() == 0).all()) << parameter.name;
  }
}

// All parameters after a few steps of a network that is large enough for tiles
// and shards.
template <class S>
std::vector<Matrix<S>> TrainLarge(const std::string& rule, int num_threads) {
  const ScopedThreads threads(num_threads);
  const ScopedFlushDenormals flush;
  Trainee<S> trainee(SpecOfRule(rule), {300, 270, 260, 10});
  const Matrix<S> x = RandomMatrix<S>(300, 140, 1);
  const Matrix<S> y = RandomTargets<S>(10, 140, 2);
  for (int step = 0; step < 2; ++step) trainee.Step(x, y);
  std::vector<Matrix<S>> values;
  for (const auto& p : trainee.network.parameters()) values.push_back(p.value);
  for (const auto& p : trainee.rule->feedback_parameters()) values.push_back(p.value);
  return values;
}

TEST_P(RuleConformance, SameBitsForAnyNumberOfThreads) {
  const auto in_float = TrainLarge<float>(rule(), 1);
  const auto in_double = TrainLarge<double>(rule(), 1);
  for (const int num_threads : {2, 4}) {
    EXPECT_EQ(TrainLarge<float>(rule(), num_threads), in_float);
    EXPECT_EQ(TrainLarge<double>(rule(), num_threads), in_double);
  }
}

TEST_P(RuleConformance, SameBitsAloneOrBesideOtherRuns) {
  const auto alone = TrainLarge<float>(rule(), 1);
  std::vector<std::vector<Matrix<float>>> results(3);
  std::vector<std::thread> runs;
  for (size_t i = 0; i < results.size(); ++i) {
    runs.emplace_back([&, i] { results[i] = TrainLarge<float>(rule(), static_cast<int>(i) + 1); });
  }
  for (std::thread& run : runs) run.join();
  for (const auto& result : results) EXPECT_EQ(result, alone);
}

TEST_P(RuleConformance, SeedsDecideTheInitialFeedback) {
  const auto feedback = [this](uint64_t seed) {
    Trainee<float> trainee(SpecOfRule(rule()), {4, 5, 5, 3}, seed);
    std::vector<Matrix<float>> values;
    for (const auto& p : trainee.rule->feedback_parameters()) values.push_back(p.value);
    return values;
  };
  EXPECT_EQ(feedback(1), feedback(1));
  if (!feedback(1).empty()) {
    EXPECT_NE(feedback(1), feedback(2));
  }
}

template <class S>
void ExpectLossFalls(const v1::TrainingSpec& spec) {
  const ToyTask task;
  const Matrix<S> x = task.x.cast<S>(), y = task.y.cast<S>();
  Trainee<S> trainee(spec, {2, 32, 32, 3});
  const double before = trainee.Evaluate(x, y).loss;
  for (int step = 0; step < 400; ++step) trainee.Step(x, y);
  const LossValue after = trainee.Evaluate(x, y);
  EXPECT_LT(after.loss, 0.5 * before);
  EXPECT_LT(after.num_misclassified, ToyTask::kBatch / 5);
}

TEST_P(RuleConformance, LossFallsOnAToyTask) {
  for (const auto activation : {v1::ACTIVATION_TANH, v1::ACTIVATION_LEAKY_RELU}) {
    v1::TrainingSpec spec = SpecOfRule(rule());
    if (InvertsLayers(spec) && activation == v1::ACTIVATION_TANH) continue;
    spec.mutable_network()->set_activation(activation);
    spec.mutable_forward()->set_lr(0, 5e-3);
    spec.mutable_feedback()->set_lr(0, 5e-3);
    if (CarryOf(rule()) == v1::CARRY_DIFFERENCE) {
      ExpectLossFalls<float>(spec);
    } else {  // not legal in float32
      ExpectLossFalls<double>(spec);
    }
  }
}

TEST_P(RuleConformance, FeedbackLossFalls) {
  const ToyTask task;
  Trainee<float> trainee(SpecOfRule(rule()), {2, 16, 16, 3});
  if (!LearnsFeedback(trainee)) {
    trainee.ComputeGradients(task.x, task.y);
    EXPECT_TRUE(trainee.feedback_losses.empty()) << "what learns no feedback has no loss of it";
    return;
  }
  const auto mean_loss = [&](int num_steps) {
    double sum = 0;
    for (int step = 0; step < num_steps; ++step) {
      trainee.ComputeGradients(task.x, task.y);
      trainee.feedback.Step(trainee.rule->feedback_parameters());
      for (const double loss : trainee.feedback_losses) sum += loss / num_steps;
    }
    return sum;
  };
  const double early = mean_loss(20);
  mean_loss(300);
  EXPECT_LT(mean_loss(20), 0.95 * early);
}

TEST(RuleTable, EveryRuleFindsItself) {
  for (const RuleEntry& rule : Rules()) {
    const v1::TrainingSpec spec = SpecOfRule(rule.name);
    EXPECT_EQ(RuleOf(spec).name, std::string(rule.name));
    EXPECT_EQ(RuleOf(spec).kind, spec.rule_case());
  }
}

INSTANTIATE_TEST_SUITE_P(AllRules, RuleConformance, testing::ValuesIn(RuleNames()),
                         [](const auto& test) { return test.param; });
INSTANTIATE_TEST_SUITE_P(RulesForConvolutions, ConvolutionConformance,
                         testing::ValuesIn(RulesForConvolutions()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace tpsweep::trainer
