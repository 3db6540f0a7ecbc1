// Identities that hold for target propagation, over random shapes. The numbers
// are those of the project's fact sheet on [TF]: I1, I2, I3, I9, I10, I14. Those of
// learned feedback are in feedback_identities_test.cc, the counts of I12 in network_test.cc.
#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/trainer/random_shapes.h"
#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

// The gradients of the network's parameters under rule `bp`.
std::vector<Matrix<double>> TrueGradients(Trainee<double>& trainee) {
  auto bp = MakeRule<double>(SpecOfRule("bp"), trainee.network, 0);
  Pass<double> pass = trainee.pass;
  Network<double> network = trainee.network;
  bp->ComputeUpdate(network, pass);
  std::vector<Matrix<double>> gradients;
  for (const auto& parameter : network.parameters()) gradients.push_back(parameter.gradient);
  return gradients;
}

void ExpectProportional(const Trainee<double>& trainee, int first_layer, int last_layer,
                        const std::vector<Matrix<double>>& truth, Index batch) {
  // Rules without targets have the gradient itself.
  const double factor = trainee.pass.displacement.empty()
                            ? 1
                            : 2 * trainee.rule->target_stepsize() / static_cast<double>(batch);
  for (size_t i = 0; i < truth.size(); ++i) {
    const Parameter<double>& parameter = trainee.network.parameters()[i];
    if (parameter.layer < first_layer || parameter.layer > last_layer) continue;
    EXPECT_LT((parameter.gradient - factor * truth[i]).cwiseAbs().maxCoeff(), 1e-14)
        << parameter.name;
  }
}

TEST(RuleIdentities, I1TheOutputLayerLearnsByBackpropagation) {
  for (const std::string& rule : RuleNames()) {
    // Those with exact inverses have other activations: exact_targets_test.cc.
    if (rule == "bp" || InvertsLayers(SpecOfRule(rule))) continue;
    for (const auto output : {v1::ACTIVATION_LINEAR, v1::ACTIVATION_SIGMOID, v1::ACTIVATION_TANH}) {
      for (const Shape& shape : RandomShapes(8)) {
        v1::TrainingSpec spec = SpecOfRule(rule);
        spec.mutable_network()->set_output_activation(output);
        spec.set_loss(output == v1::ACTIVATION_LINEAR ? v1::LOSS_CROSS_ENTROPY : v1::LOSS_MSE);
        Trainee<double> trainee(spec, shape.sizes);
        trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
        const int last = trainee.network.num_layers();
        ExpectProportional(trainee, last, last, TrueGradients(trainee), shape.batch);
      }
    }
  }
}

TEST(RuleIdentities, I2aDirectTransposedFeedbackIsBackpropagationBelowTheOutput) {
  for (const std::string rule : {"ddtp_linear", "ddtp_control", "dfa"}) {
    for (const Shape& shape : RandomShapes(10)) {
      Trainee<double> trainee(SpecOfRule(rule), shape.sizes);
      const int last = trainee.network.num_layers();
      for (auto& parameter : trainee.rule->feedback_parameters()) {
        if (parameter.name != absl::StrCat("Q", last - 1)) continue;
        parameter.value = trainee.network.weight(last).value.transpose();
      }
      trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
      ExpectProportional(trainee, last - 1, last, TrueGradients(trainee), shape.batch);
    }
  }
}

TEST(RuleIdentities, I2bLinearTransposedChainIsBackpropagationEverywhere) {
  for (const std::string rule : {"dtp", "dtpdrl"}) {
    for (const Shape& shape : RandomShapes(10)) {
      v1::TrainingSpec spec = SpecOfRule(rule);
      spec.mutable_network()->set_activation(v1::ACTIVATION_LINEAR);
      SetFeedbackActivation(v1::ACTIVATION_LINEAR, spec);
      Trainee<double> trainee(spec, shape.sizes);
      for (auto& parameter : trainee.rule->feedback_parameters()) {
        if (parameter.name[0] == 'Q') {
          parameter.value = trainee.network.weight(parameter.layer).value.transpose();
        }
      }
      trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
      ExpectProportional(trainee, 1, trainee.network.num_layers(), TrueGradients(trainee),
                         shape.batch);
    }
  }
}

template <class S>
void ExpectNoErrorNoUpdate(const std::string& rule, v1::Activation output) {
  for (const Shape& shape : RandomShapes(10)) {
    v1::TrainingSpec spec = SpecOfRule(rule);
    spec.mutable_network()->set_output_activation(output);
    Trainee<S> trainee(spec, shape.sizes);
    trainee.Evaluate(InputsOf<S>(shape), TargetsOf<S>(shape));
    trainee.pass.output_error.setZero();
    trainee.rule->ComputeUpdate(trainee.network, trainee.pass);
    for (size_t l = 1; l < trainee.pass.displacement.size(); ++l) {
      EXPECT_EQ(trainee.pass.target(l), trainee.pass.h[l]);  // bit for bit
    }
    for (const auto& parameter : trainee.network.parameters()) {
      EXPECT_TRUE((parameter.gradient.array() == 0).all()) << rule << " " << parameter.name;
    }
  }
}

TEST(RuleIdentities, I3NoErrorGivesExactlyNoUpdate) {
  for (const std::string& rule : RuleNames()) {
    // Those with exact inverses have other activations: exact_targets_test.cc.
    if (rule == "bp" || InvertsLayers(SpecOfRule(rule))) continue;
    for (const auto output : {v1::ACTIVATION_LINEAR, v1::ACTIVATION_SIGMOID, v1::ACTIVATION_TANH}) {
      ExpectNoErrorNoUpdate<float>(rule, output);
      ExpectNoErrorNoUpdate<double>(rule, output);
    }
  }
}

// Targets of the layers from 1 on after its feedback biases were drawn anew.
std::vector<Matrix<double>> TargetsWithBiases(const v1::TrainingSpec& spec, const Shape& shape,
                                              double size) {
  Trainee<double> trainee(spec, shape.sizes);
  uint64_t key = 5;
  for (auto& parameter : trainee.rule->feedback_parameters()) {
    if (parameter.name[0] != 'd') continue;
    parameter.value = size * RandomMatrix<double>(parameter.value.rows(), 1, ++key);
  }
  trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
  std::vector<Matrix<double>> targets;
  for (size_t l = 1; l < shape.sizes.size(); ++l) targets.push_back(trainee.pass.target(l));
  return targets;
}

TEST(RuleIdentities, I9LinearFeedbackBiasesDoNotMoveTargets) {
  for (const std::string rule : {"dtp", "ddtp_control"}) {
    for (const Shape& shape : RandomShapes(10)) {
      v1::TrainingSpec spec = SpecOfRule(rule);
      SetFeedbackActivation(v1::ACTIVATION_LINEAR, spec);
      const auto without = TargetsWithBiases(spec, shape, 0);
      const auto with = TargetsWithBiases(spec, shape, 1);
      for (size_t l = 0; l < with.size(); ++l) {
        EXPECT_LT((with[l] - without[l]).cwiseAbs().maxCoeff(), 1e-13);
      }
    }
  }
  const Shape shape = {{5, 7, 6, 4}, 8};
  EXPECT_GT((TargetsWithBiases(SpecOfRule("dtp"), shape, 0)[0] -
             TargetsWithBiases(SpecOfRule("dtp"), shape, 1)[0])
                .norm(),
            1e-6);
}

// Under the difference reconstruction loss they would have no gradient either: where the
// path is linear, there is none.
TEST(RuleIdentities, I9BiasesThatCancelDoNotExist) {
  for (const std::string rule : {"dtpdrl", "ddtp_linear", "ddtp_rhl", "ddtp_rhl_rec"}) {
    v1::TrainingSpec spec = SpecOfRule(rule);
    for (const auto t : {v1::ACTIVATION_LINEAR, v1::ACTIVATION_TANH}) {
      SetFeedbackActivation(t, spec);
      Trainee<double> trainee(spec, {5, 7, 6, 4});
      int biases = 0;
      for (auto& parameter : trainee.rule->feedback_parameters()) {
        biases += parameter.name[0] == 'd' ? 1 : 0;
      }
      const int paths = rule == "ddtp_linear" ? 1 : 2;  // none to the last hidden layer there
      EXPECT_EQ(biases, t == v1::ACTIVATION_LINEAR ? 0 : paths) << rule;
    }
  }
}

void ExpectSameFeedback(Trainee<double>& one, Trainee<double>& other) {
  EXPECT_EQ(one.feedback_losses, other.feedback_losses);
  for (size_t i = 0; i < one.rule->feedback_parameters().size(); ++i) {
    const Parameter<double>& parameter = one.rule->feedback_parameters()[i];
    if (parameter.is_fixed) continue;
    EXPECT_EQ(parameter.gradient, other.rule->feedback_parameters()[i].gradient) << parameter.name;
  }
}

// What ComputeUpdate found at the clean activities is used again, and changes no bit; nor is it
// used when feedback weights or the forward pass have become others.
TEST(RuleIdentities, TheFeedbackUpdateIsTheSameWithAndWithoutTargetsBefore) {
  const Shape shape = {{5, 7, 6, 6, 4}, 8};
  const auto update = [](Trainee<double>& trainee) {
    trainee.noise.set_step(trainee.step++);
    trainee.rule->ComputeFeedbackUpdate(trainee.network, trainee.pass, trainee.noise,
                                        trainee.feedback_losses);
  };
  for (const std::string& rule : RuleNames()) {
    SCOPED_TRACE(rule);
    Trainee<double> with(SpecOfRule(rule), shape.sizes), without(SpecOfRule(rule), shape.sizes);
    for (Trainee<double>* trainee : {&with, &without}) {
      trainee->Evaluate(InputsOf(shape), TargetsOf(shape));
    }
    with.rule->ComputeUpdate(with.network, with.pass);
    update(with);
    update(without);
    ExpectSameFeedback(with, without);
    for (Trainee<double>* trainee : {&with, &without}) {
      trainee->feedback.Step(trainee->rule->feedback_parameters());
      update(*trainee);  // once more on the same forward pass
    }
    ExpectSameFeedback(with, without);
    with.rule->ComputeUpdate(with.network, with.pass);
    for (Trainee<double>* trainee : {&with, &without}) {
      trainee->Evaluate(2 * InputsOf(shape), TargetsOf(shape));
      update(*trainee);
    }
    ExpectSameFeedback(with, without);
  }
}

// Forward parameters after some steps with feedback held fixed.
std::vector<Matrix<double>> Trajectory(const std::string& rule, double eta, double epsilon) {
  v1::TrainingSpec spec = SpecOfRule(rule);
  if (rule == "ddtp_linear") spec.mutable_ddtp_linear()->set_target_stepsize(eta);
  if (rule == "ddtp_control") spec.mutable_ddtp_control()->set_target_stepsize(eta);
  if (rule == "dfa") spec.mutable_dfa()->set_target_stepsize(eta);
  spec.mutable_forward()->mutable_adam()->set_epsilon(0, epsilon);
  const Shape shape = {{5, 7, 6, 4}, 8};
  Trainee<double> trainee(spec, shape.sizes);
  for (int step = 0; step < 20; ++step) {
    trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
    trainee.forward.Step(trainee.network.parameters());
  }
  std::vector<Matrix<double>> values;
  for (const auto& parameter : trainee.network.parameters()) values.push_back(parameter.value);
  return values;
}

TEST(RuleIdentities, I10TheTargetStepSizeOnlyScalesAdamsEpsilon) {
  for (const std::string rule : {"ddtp_linear", "ddtp_control", "dfa"}) {
    const auto reference = Trajectory(rule, 0.05, 0);
    const auto other_eta = Trajectory(rule, 0.7, 0);
    for (size_t i = 0; i < reference.size(); ++i) {
      EXPECT_LT((reference[i] - other_eta[i]).cwiseAbs().maxCoeff(), 1e-10) << rule;
    }
    // A power of two scales without rounding: the same bits.
    EXPECT_EQ(Trajectory(rule, 0.05, 1e-4), Trajectory(rule, 0.05 * 1024, 1e-4 * 1024)) << rule;
    EXPECT_NE(Trajectory(rule, 0.05, 1e-4), Trajectory(rule, 0.05, 1e-4 * 1024)) << rule;
  }
}

TEST(RuleIdentities, I14FrozenLayersKeepTheirBits) {
  for (const std::string& rule : RuleNames()) {
    const Shape shape = {{5, 7, 6, 4}, 8};
    Trainee<float> trainee(SpecOfRule(rule), shape.sizes, 7, {1});
    std::vector<Matrix<float>> before;
    for (const auto& parameter : trainee.network.parameters()) before.push_back(parameter.value);
    for (int step = 0; step < 5; ++step)
      trainee.Step(InputsOf<float>(shape), TargetsOf<float>(shape));
    for (size_t i = 0; i < before.size(); ++i) {
      const auto& parameter = trainee.network.parameters()[i];
      if (parameter.layer == 1) {
        EXPECT_NE(parameter.value, before[i]) << rule << " " << parameter.name;
      } else {
        EXPECT_EQ(parameter.value, before[i]) << rule << " " << parameter.name;
      }
    }
  }
}

}  // namespace
}  // namespace tpsweep::trainer
