// Fields of a training that do not go together: the field, the value and what is
// legal. One row each.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/spec/yaml.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::spec {
namespace {

using testing::HasSubstr;

struct BadTraining {
  const char* name;
  const char* text;
  const char* message;  // part of the error
};

const BadTraining kBadTrainings[] = {
    // Layers.
    {"HiddenAndLayers",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {hidden: [8], layers: [{dense: {units: 8}}]}\n",
     "t.yaml:3:24: network.layers: is set beside network.hidden, which is short for it; legal: one "
     "of the two"},
    {"LayersIsAMap", "dataset: {name: mnist}\nrule: bp\nnetwork: {layers: {dense: {units: 8}}}\n",
     "t.yaml:3:19: network.layers: is a map; legal: a list, each one of conv, dense"},
    {"LayersIsNothing", "dataset: {name: mnist}\nrule: bp\nnetwork: {layers: }\n",
     "t.yaml:3:11: network.layers: has no value; legal: a list, each one of conv, dense"},
    {"UnknownLayer", "dataset: {name: mnist}\nrule: bp\nnetwork:\n  layers:\n    - cnov: {}\n",
     "t.yaml:5:7: network.layers[0]: 'cnov' is unknown; did you mean 'conv'? legal: conv, dense"},
    {"TwoLayersInOne",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {layers: [{conv: {channels: 2}, dense: {}}]}\n",
     "t.yaml:3:20: network.layers[0]: has several keys; legal: one of conv, dense"},
    {"LayerOfNothing", "dataset: {name: mnist}\nrule: bp\nnetwork: {layers: [{}]}\n",
     "t.yaml:3:20: network.layers[0]: must be chosen; legal: conv, dense"},
    {"UnknownFieldOfALayer",
     "dataset: {name: mnist}\nrule: bp\nnetwork:\n  layers:\n    - dense: {units: 8}\n    - dense: "
     "{unit: 8}\n",
     "t.yaml:6:15: network.layers[1].dense.unit: no such field; did you mean 'units'?"},
    {"LayerWithoutUnits", "dataset: {name: mnist}\nrule: bp\nnetwork: {layers: [dense]}\n",
     "t.yaml:3:20: network.layers[0].dense.units: must be set; legal: a whole number in [1, "
     "1000000]"},
    {"ChannelsOutOfRange",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {layers: [{conv: {channels: 0}}]}\n",
     "t.yaml:3:38: network.layers[0].conv.channels: 0 is not in [1, 100000]"},
    {"ConvAboveDense",
     "dataset: {name: anything}\nrule: bp\nnetwork: {layers: [{dense: {units: 8}}, {conv: "
     "{channels: 2}}]}\n",
     "network.layers[1].conv: stands above a dense layer"},
    {"PoolTooLarge",
     "dataset: {name: mnist}\nrule: bp\nnetwork:\n  layers:\n    - conv: {channels: 2}\n    - "
     "conv: {channels: 2, pool: 19, pool_padding: 0}\n",
     "t.yaml:6:33: network.layers[1].conv.pool: 19 is larger than its maps of 2x14x14: the output "
     "would be empty"},
    {"KernelTooLarge",
     "dataset: {name: cifar10}\nrule: bp\nnetwork: {layers: [{conv: {channels: 2, kernel: 40}}]}\n",
     "network.layers[0].conv.kernel: 40 is larger than its input of 3x32x32 with padding 2"},
    {"PoolPaddingOfAnyData",
     "dataset: {name: anything}\nrule: bp\nnetwork: {layers: [{conv: {channels: 2, pool_padding: "
     "2}}]}\n",
     "network.layers[0].conv.pool_padding: 2 is more than half of the pool 3; legal: 0 to 1"},
    // Sizes.
    {"TooManyWeightsOfTheInput",
     "dataset: {name: cifar10}\nrule: bp\nnetwork: {hidden: [1000000]}\n",
     "network.hidden: makes 3082000000 weights; at most 2147483647 are legal"},
    {"TooManyWeightsOfAnyData",
     "dataset: {name: anything}\nrule: bp\nnetwork: {layers: [{dense: {units: 100000}}, {dense: "
     "{units: 100000}}]}\n",
     "network.layers: makes 10000200000 weights or more; at most 2147483647 are legal"},
    {"FeedbackOfAChainTooWide",
     "dataset: {name: cifar10}\nrule: dtp\nnetwork: {layers: [{conv: {channels: 100}}, {conv: "
     "{channels: 2000}}]}\n",
     "rule: the feedback paths have 3278080000 weights, 3276800000 of them in the path to layer 1 "
     "(of 25600 units); at most 2147483647 are legal"},
    {"RandomLayerTooWide",
     "dataset: {name: mnist}\nnetwork: {hidden: [10000, 10]}\nrule: {ddtp_rhl: {random_units: "
     "1000000}}\n",
     "rule: the feedback paths have 10000000100 weights"},
    {"FeedbackHiddenTooWide",
     "dataset: {name: mnist}\nnetwork: {hidden: [10, 10]}\nrule: {ddtp_linear: {feedback_hidden: "
     "[100000, 100000]}}\n",
     "rule: the feedback paths have 10002000100 weights"},
    // Lists with one entry a layer.
    {"RmspropEpsilonsForOtherDepth",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {hidden: [8]}\nforward: {rmsprop: {epsilon: [0.1, "
     "0.1, 0.1]}}\n",
     "forward.algorithm.rmsprop.epsilon: has 3 entries; legal: 1, or 2 (one for each layer)"},
    {"RatesForOtherLayers",
     "dataset: {name: cifar10}\nrule: bp\nnetwork: {layers: [{conv: {channels: 2}}]}\nforward: "
     "{lr: [1, 2, 3]}\n",
     "forward.lr: has 3 entries; legal: 1, or 2 (one for each layer)"},
    {"DampingOfEveryLayer",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {hidden: [8, 8]}\nmeasure: {damping: [1, 1, 1]}\n",
     "t.yaml:4:11: measure.damping: has 3 entries; legal: 1, or 2 (one for each hidden layer)"},
    {"DampingWithoutHiddenLayers", "dataset: {name: mnist}\nrule: bp\nmeasure: {damping: [1, 1]}\n",
     "measure.damping: has 2 entries; legal: 1"},
    // Rules.
    {"RhlWithoutHidden", "dataset: {name: mnist}\nrule: ddtp_rhl\n",
     "network.hidden: is empty; the rule ddtp_rhl needs one hidden layer or more"},
    {"ControlWithoutHidden", "dataset: {name: mnist}\nrule: ddtp_control\n",
     "network.hidden: is empty; the rule ddtp_control needs one hidden layer or more"},
    {"DfaWithoutHidden", "dataset: {name: mnist}\nrule: dfa\n",
     "network.hidden: is empty; the rule dfa needs one hidden layer or more"},
    {"LogitInADirectPath",
     "dataset: {name: mnist}\nnetwork: {hidden: [8]}\nrule: {ddtp_linear: {feedback_activation: "
     "logit}}\n",
     "t.yaml:3:43: rule.ddtp_linear.feedback_activation: logit is for the layerwise feedback of "
     "dtp and dtpdrl; legal: linear, tanh, relu, leaky_relu, sigmoid"},
    {"InverseInADirectHiddenLayer",
     "dataset: {name: mnist}\nnetwork: {hidden: [8]}\nrule: {ddtp_linear: "
     "{feedback_hidden_activation: inverse_leaky_relu}}\n",
     "rule.ddtp_linear.feedback_hidden_activation: inverse_leaky_relu is for the layerwise"},
    {"InverseOfRhl",
     "dataset: {name: mnist}\nnetwork: {hidden: [8]}\nrule: {ddtp_rhl: {feedback_activation: "
     "inverse_leaky_relu}}\n",
     "rule.ddtp_rhl.feedback_activation: inverse_leaky_relu is for the layerwise"},
    {"RecurrentInputThatCancels",
     "dataset: {name: mnist}\nnetwork: {hidden: [8]}\nrule: {ddtp_linear: {recurrent_input: "
     "true}}\n",
     "rule.ddtp_linear.recurrent_input: true changes nothing in paths that are a single matrix"},
    {"MinimalNormOfConv",
     "dataset: {name: mnist}\nnetwork: {layers: [{conv: {channels: 2}}]}\nrule: {gnt: "
     "{weight_update: minimal_norm}}\n",
     "rule.gnt.weight_update: minimal_norm is for dense networks"},
    // Exact inverses.
    {"GaitOfARectangularOutput",
     "dataset: {name: mnist}\nrule: gait\nnetwork: {hidden: [784, 784], activation: "
     "leaky_relu}\n",
     "t.yaml:3:11: network.hidden: the output layer 3 has a matrix of 10 x 784, and the rule gait "
     "inverts the layers; matrices from layer 2 on must be square: set network.square: true, with "
     "widths that do not increase, or give all layers one width, the output layer by "
     "network.output_units"},
    {"TpOfARectangularLayerOnAnyData",
     "dataset: {name: anything}\nrule: tp\nnetwork: {layers: [{dense: {units: 9}}, {dense: {units: "
     "8}}], activation: leaky_relu}\n",
     "network.layers: layer 2 has a matrix of 8 x 9, and the rule tp inverts the layers"},
    {"GaitOfAConvolution",
     "dataset: {name: mnist}\nrule: gait\nnetwork: {layers: [{conv: {channels: 2}}, {conv: "
     "{channels: 2}}], activation: leaky_relu}\n",
     "network.layers[1]: layer 2 is convolutional, and the rule gait inverts the layers; all "
     "layers "
     "from 2 on must be dense"},
    {"SquareConvolution",
     "dataset: {name: mnist}\nrule: gait\nnetwork: {layers: [{conv: {channels: 2}}], square: "
     "true}\n",
     "network.layers[0].conv: does not go with network.square, which is for dense layers"},
    {"TowerThatWidens",
     "dataset: {name: mnist}\nrule: gait\nnetwork: {hidden: [784, 500, 600], square: true, "
     "activation: leaky_relu}\n",
     "network.hidden[2]: layer 3 has 600 units, more than the 500 below it; in a square network "
     "widths must not increase"},
    {"TowerWiderThanItsInput",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {hidden: [800], square: true}\n",
     "network.hidden[0]: layer 1 has 800 units, more than the 784 below it"},
    {"OutputUnitsFewerThanClasses",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {output_units: 9}\n",
     "network.output_units: 9 is less than the 10 classes or targets of the data set; legal: 0, or "
     "that or more"},
    {"ItpOfTanh", "dataset: {name: mnist}\nrule: itp\nnetwork: {hidden: [64], square: true}\n",
     "network.activation: tanh has no inverse on all numbers, and the rule itp inverts the layers; "
     "legal: linear, leaky_relu"},
    {"GaitWithASigmoidOutput",
     "dataset: {name: mnist}\nrule: gait\nloss: mse\nnetwork: {hidden: [64], square: true, "
     "activation: leaky_relu, output_activation: sigmoid}\n",
     "network.output_activation: sigmoid has no inverse on all numbers"},
    {"GammaOfOne", "dataset: {name: mnist}\nrule: {gait: {gamma: 1}}\n",
     "rule.gait.gamma: 1 is not in (0, 1)"},
    {"GammaOfNothing", "dataset: {name: mnist}\nrule: {itp: {gamma: 0}}\n",
     "rule.itp.gamma: 0 is not in (0, 1)"},
    {"GammaInFloat32", "dataset: {name: mnist}\nrule: {gait: {carry: gamma}}\n",
     "t.yaml:2:22: rule.gait.carry: gamma does not go with precision float32, whose rounding would "
     "drown the small steps; legal: difference, or set precision: float64"},
    {"AdaptiveGammaInFloat32", "dataset: {name: mnist}\nrule: {itp: {carry: adaptive_gamma}}\n",
     "rule.itp.carry: adaptive_gamma does not go with precision float32"},
    {"NegativeOrthogonality", "dataset: {name: mnist}\nrule: dtp\northogonality: -1\n",
     "orthogonality: -1 is not in [0, 1000000000000]"},
    {"InverseErrorOfARectangularLayer",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {hidden: [64], activation: leaky_relu}\nmeasure: "
     "{every: 1, quantities: [norms, inverse_error]}\n",
     "t.yaml:4:41: measure.quantities[1]: inverse_error inverts the layers, but the output layer 2 "
     "has a matrix of 10 x 64 (network.hidden); matrices from layer 2 on must be square"},
    {"InverseErrorOfTanh",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {hidden: [64], square: true}\nmeasure: {every: 1, "
     "quantities: inverse_error}\n",
     "measure.quantities[0]: inverse_error inverts the layers, but tanh has no inverse on all "
     "numbers (network.activation); legal: linear, leaky_relu"},
    {"ExtraMinibatchesApart",
     "dataset: {name: mnist}\nrule: dtp\nfeedback_schedule: {separate: true, extra_minibatches: "
     "2}\n",
     "t.yaml:3:56: feedback_schedule.extra_minibatches: 2 does not go with separate: true"},
    // Measurements.
    {"MeasuresNothing", "dataset: {name: mnist}\nrule: bp\nmeasure: {every: 5}\n",
     "measure.quantities: is empty, and measure.every is 5; say what to measure"},
    {"MeasuresTwice",
     "dataset: {name: mnist}\nrule: bp\nmeasure: {every: 5, quantities: [norms, bp_angle, "
     "norms]}\n",
     "t.yaml:3:51: measure.quantities[2]: norms is there twice"},
    {"UnknownQuantity",
     "dataset: {name: mnist}\nrule: bp\nmeasure: {every: 5, quantities: [bp_angel]}\n",
     "t.yaml:3:34: measure.quantities[0]: 'bp_angel' is unknown; did you mean 'bp_angle'?"},
    {"SearchesDampingNever",
     "dataset: {name: mnist}\nrule: bp\nmeasure: {quantities: damping_search}\n",
     "measure.every: 0 measures nothing, and damping_search averages over measurements"},
    {"SearchesDampingTooLate",
     "dataset: {name: mnist}\nrule: bp\nepochs: 3\nmeasure: {every: 1, quantities: "
     "damping_search}\n",
     "measure.damping_search_epoch: 4 is after the last epoch (epochs is 3)"},
    {"JacobianTooLarge",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {hidden: [256]}\nmeasure: {every: 1, quantities: "
     "[norms, nullspace]}\n",
     "t.yaml:4:41: measure.quantities[1]: nullspace of layer 1 needs "},
    {"InverseActivationOfOneLayer",
     "dataset: {name: mnist}\nrule: bp\nnetwork: {layers: [{dense: {units: 5, activation: "
     "logit}}]}\n",
     "network.layers[0].dense.activation: logit is for feedback paths only"},
    // Sizes of known data sets.
    {"ValidationIsEverything",
     "dataset: {name: mnist, validation: 60000}\nrule: bp\nnetwork: {hidden: [5]}\n",
     "t.yaml:1:36: dataset.validation: 60000 of the 60000 training samples of mnist; legal: 0 to "
     "59999"},
    {"MoreTrainSamplesThanAreLeft",
     "dataset: {name: cifar10, validation: 5000, train_samples: 45001}\nrule: bp\n"
     "network: {hidden: [5]}\n",
     "dataset.train_samples: 45001 of the 50000 training samples, 5000 of them for validation, of "
     "cifar10; legal: 0 to 45000"},
    {"MoreTestSamplesThanThereAre",
     "dataset: {name: student-teacher, validation: 0, test_samples: 11, student_teacher: {train: "
     "20, test: 10}}\nrule: bp\nloss: mse\nnetwork: {hidden: [5]}\n",
     "dataset.test_samples: 11 of the 10 test samples of student-teacher; legal: 0 to 10"},
    // Regression.
    {"NotGenerated", "dataset: {name: student-teacher}\nrule: bp\nloss: mse\n",
     "t.yaml:1:17: dataset.name: student-teacher is generated: say how, with student_teacher: {}"},
    {"GeneratedUnderAnotherName",
     "dataset: {name: mnist, student_teacher: {}}\nrule: bp\nloss: mse\n",
     "dataset.generator: student_teacher goes with the name student-teacher, not with 'mnist'"},
    {"ClassesOfARegression", "dataset: {name: student-teacher, student_teacher: {}}\nrule: bp\n",
     "loss: cross_entropy is for classes, and student-teacher is a regression; legal: mse, "
     "half_squares"},
    {"LinearRegressionNotGenerated",
     "dataset: {name: linear-regression}\nrule: bp\nloss: half_squares\n",
     "dataset.name: linear-regression is generated: say how, with linear_regression: {}"},
    {"ClassesOfAnAutoencoder", "dataset: {name: mnist, targets: inputs}\nrule: bp\n",
     "loss: cross_entropy is for classes, and dataset.targets: inputs makes it a regression; "
     "legal: mse, half_squares"},
    {"HopelessRegression",
     "dataset: {name: student-teacher, student_teacher: {}}\nrule: bp\nloss: mse\nhopeless: "
     "{from_epoch: 6}\n",
     "t.yaml:4:24: hopeless.from_epoch: 6 judges train/error"},
};

void PrintTo(const BadTraining& row, std::ostream* out) { *out << row.name; }

class BadTrainingTest : public testing::TestWithParam<BadTraining> {};

TEST_P(BadTrainingTest, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(ParseAndCompleteTraining(GetParam().text, "t.yaml"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(Table, BadTrainingTest, testing::ValuesIn(kBadTrainings),
                         [](const auto& row) { return std::string(row.param.name); });

// What looks like one of the rows, and is legal.
TEST(GoodTrainings, AreNotRefused) {
  for (const char* text : {
           "dataset: {name: anything}\nrule: bp\nnetwork: {layers: [{conv: {channels: 9, kernel: "
           "200}}, {dense: {units: 9}}]}\nforward: {lr: [1, 2, 3]}\n",
           "dataset: {name: mnist}\nrule: dtp\n",
           "dataset: {name: mnist}\nrule: gnt\nmeasure: {quantities: [bp_angle]}\n",
           "dataset: {name: mnist}\nnetwork: {hidden: [8]}\nrule: {dtpdrl: {feedback_activation: "
           "logit}}\nmeasure: {every: 2, quantities: [damping_search], damping: [1]}\n",
           "dataset: {name: mnist}\nnetwork: {hidden: [8, 8]}\nrule: {ddtp_linear: "
           "{recurrent_input: true, feedback_hidden: [4]}}\nfeedback_schedule: {separate: true}\n",
           "dataset: {name: student-teacher, student_teacher: {inputs: 3}}\nrule: "
           "bp\nloss: mse\n",
           "dataset: {name: linear-regression, linear_regression: {}}\nrule: "
           "bp\nloss: "
           "half_squares\n",
           "dataset: {name: nonlinear-regression, nonlinear_regression: {teacher_hidden: "
           "[3]}}\nrule: bp\nloss: mse\n",
           "dataset: {name: mnist}\nrule: bp\nnetwork: {layers: [{dense: {units: 5}}, {dense: "
           "{units: 3, activation: linear}}]}\n",
           "dataset: {name: cifar10, targets: inputs}\nrule: bp\nloss: mse\n",
           // Layer 1 is never inverted: it may have any shape.
           "dataset: {name: mnist}\nrule: gait\nnetwork: {hidden: [64, 64], output_units: 64, "
           "activation: leaky_relu}\nmeasure: {every: 1, quantities: inverse_error}\n",
           "dataset: {name: mnist}\nrule: {itp: {carry: gamma}}\nprecision: float64\nnetwork: "
           "{hidden: [784, 500, 200, 10], square: true, activation: leaky_relu, "
           "output_activation: linear}\northogonality: 0.1\n",
           // The run knows how many outputs there are.
           "dataset: {name: anything}\nrule: tp\nnetwork: {hidden: [9, 9], activation: linear}\n",
           "dataset: {name: mnist}\nrule: gait\n",
           "dataset: {name: mnist}\nrule: dtp\nnetwork: {hidden: [64, 32], square: true}\n"
           "orthogonality: 3\nshuffle: false\nloss: half_squares\n",
       }) {
    TP_EXPECT_OK(ParseAndCompleteTraining(text, "t.yaml")) << text;
  }
}

TEST(BadObjectives, CountNoWrongClassesOfARegression) {
  const std::string study =
      "study: s\ntraining: {dataset: {name: student-teacher, student_teacher: {}}, "
      "loss: mse, "
      "rule: "
      "bp}\nsearch: {sampler: grid}\n";
  EXPECT_THAT(ParseAndCompleteStudy(study, "s.yaml"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("objective.metric: validation/error counts wrong classes, and "
                                 "student-teacher is a regression")));
  TP_EXPECT_OK(
      ParseAndCompleteStudy(absl::StrCat(study, "objective: {metric: test/loss}\n"), "s.yaml"));
}

}  // namespace
}  // namespace tpsweep::spec
