// Fields of the rules of dynamic inversion that do not go together: the field, the value and
// what is legal. One row each.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/spec/yaml.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::spec {
namespace {

using testing::HasSubstr;

struct BadInversion {
  const char* name;
  const char* text;     // after the data set, mnist
  const char* message;  // part of the error
};

const BadInversion kBadInversions[] = {
    {"ConvLayers", "rule: pbp\nnetwork: {layers: [{conv: {channels: 2}}, {dense: {units: 9}}]}\n",
     "t.yaml:3:11: network.layers: has conv layers, and the rule pbp is for dense networks"},
    {"Square", "rule: di\nnetwork: {hidden: [10], square: true}\n",
     "network.square: true does not go with the rule di"},
    {"NoHiddenLayer", "rule: fa\nnetwork: {hidden: []}\n",
     "network.hidden: is empty; the rule fa needs one hidden layer or more"},
    {"NoLeakWhereALayerExpands", "rule: {di: {alpha: 0}}\nnetwork: {hidden: [20, 30, 10]}\n",
     "t.yaml:2:20: rule.di.alpha: 0 leaves the controller of layer 2 without a limit, since the "
     "layer is wider than the one below (widths 20, 30); legal here: above 0"},
    {"NoLeakWhereTheOutputExpands", "rule: {di: {alpha: 0}}\nnetwork: {hidden: [9]}\n",
     "rule.di.alpha: 0 leaves the controller of layer 2 without a limit"},
    {"NoLeakOfASingleLoop", "rule: {sldi: {alpha: 0}}\nnetwork: {hidden: [20, 5, 15]}\n",
     "rule.sldi.alpha: 0 leaves the controller of layer 4 without a limit, since the output is "
     "wider than a layer below (widths 20, 5, 15, 10)"},
    {"OptimisedOfFa", "rule: {fa: {feedback: {kind: optimised}}}\nnetwork: {hidden: [20]}\n",
     "rule.fa.feedback.kind: optimised is for the stability of dynamics, and fa has none; legal: "
     "random, negative_transpose"},
    {"OptimisedWhereALayerExpands",
     "rule: {ndi: {feedback: {kind: optimised}}}\nnetwork: {hidden: [20, 30]}\n",
     "rule.ndi.feedback.kind: optimised makes the dynamics without leak stable, and those of layer "
     "2 never are"},
    {"OptimisedTooLarge",
     "rule: {sldi: {feedback: {kind: optimised}}}\nnetwork: {hidden: [300, 20]}\n",
     "rule.sldi.feedback.kind: optimised decomposes a matrix of all units of the dynamics in every "
     "step, at most 256 of them, and those of layer 2 have 320 (widths 300, 20)"},
    {"SsaTooLarge", "rule: {di: {stabilise: {kind: ssa}}}\nnetwork: {hidden: [1000]}\n",
     "rule.di.stabilise.kind: ssa decomposes a matrix of all units of the dynamics in every step, "
     "at most 256 of them, and those of layer 2 have 1010 (widths 1000, 10)"},
    {"SsaOfASingleLoopTooLarge",
     "rule: {sldi: {stabilise: {kind: ssa}}}\nnetwork: {hidden: [150, 120]}\n",
     "those of layer 3 have 280 (widths 150, 120, 10)"},
    {"NormaliseToNothing", "rule: {bp: {hidden_errors: {normalise: true}}}\n",
     "rule.bp.hidden_errors.normalise: true scales to max_norm, and that is 0; set max_norm"},
    {"DefectOfDynamics",
     "rule: {di: {hidden_errors: {derivative_twice: true}}}\nnetwork: {hidden: [20]}\n",
     "rule.di.hidden_errors.derivative_twice: true is a defect that only bp, fa, pbp and ndi"},
    {"DefectOfASingleLoop",
     "rule: {sldi: {hidden_errors: {derivative_twice: true}}}\nnetwork: {hidden: [20]}\n",
     "rule.sldi.hidden_errors.derivative_twice: true is a defect"},
    {"AroundZeroOfSigmoid",
     "rule: {di: {nonlinearity: around_zero}}\nnetwork: {hidden: [20], activation: sigmoid}\n",
     "rule.di.nonlinearity: around_zero inverts an activation that is 0 at 0, and sigmoid is not"},
    {"QuantityOfOtherRules",
     "rule: ndi\nnetwork: {hidden: [20]}\nmeasure: {every: 5, quantities: [pbp_angle, "
     "inversion_steps]}\n",
     "measure.quantities[1]: inversion_steps does not go with the rule ndi; rules that have it: "
     "di, sldi"},
    {"QuantityOfNoTarget", "rule: bp\nmeasure: {every: 5, quantities: [stability]}\n",
     "measure.quantities[0]: stability does not go with the rule bp; rules that have it: ndi, di, "
     "sldi"},
    {"NdiAngleOfNdi",
     "rule: ndi\nnetwork: {hidden: [20]}\nmeasure: {every: 5, quantities: [ndi_angle]}\n",
     "measure.quantities[0]: ndi_angle does not go with the rule ndi"},
    {"FeedbackAngleOfPbp",
     "rule: pbp\nnetwork: {hidden: [20]}\nmeasure: {every: 5, quantities: [feedback_angle]}\n",
     "measure.quantities[0]: feedback_angle does not go with the rule pbp; rules that have it: fa, "
     "ndi, di, sldi"},
    {"FeedbackTooWide", "rule: fa\nnetwork: {hidden: [10, 100000, 100000]}\n",
     "rule: the feedback paths have 10002000000 weights"},
};

void PrintTo(const BadInversion& row, std::ostream* out) { *out << row.name; }

class BadInversionTest : public testing::TestWithParam<BadInversion> {};

TEST_P(BadInversionTest, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(
      ParseAndCompleteTraining(absl::StrCat("dataset: {name: mnist}\n", GetParam().text), "t.yaml"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(Table, BadInversionTest, testing::ValuesIn(kBadInversions),
                         [](const auto& row) { return std::string(row.param.name); });

// What looks like one of the rows, and is legal.
TEST(GoodInversions, AreNotRefused) {
  for (const char* text : {
           "dataset: {name: mnist}\nrule: di\nnetwork: {hidden: [20, 30, 10]}\n",
           "dataset: {name: mnist}\nrule: {di: {alpha: 0}}\nnetwork: {hidden: [20, 10]}\n",
           // Its steady state exists by least squares.
           "dataset: {name: mnist}\nrule: {ndi: {alpha: 0}}\nnetwork: {hidden: [20, 30]}\n",
           "dataset: {name: mnist}\nrule: {sldi: {alpha: 0, stabilise: {kind: ssa}}}\nnetwork: "
           "{hidden: [20, 15]}\nmeasure: {every: 1, quantities: [feedback_angle, ndi_angle, "
           "pbp_angle, inversion_residual, stability, inversion_steps]}\n",
           // Not known before the data set is: the worker decides.
           "dataset: {name: anything}\nrule: {di: {stabilise: {kind: ssa}}}\nnetwork: {hidden: "
           "[250]}\n",
           "dataset: {name: anything}\nrule: {di: {alpha: 0}}\nnetwork: {hidden: [9]}\n",
           "dataset: {name: mnist}\nrule: {pbp: {hidden_errors: {max_norm: 1, normalise: true, "
           "derivative_twice: true}}}\nnetwork: {hidden: [20]}\n",
           "dataset: {name: mnist}\nrule: {di: {nonlinearity: around_zero}}\nnetwork: {hidden: "
           "[20]}\n",
       }) {
    TP_EXPECT_OK(ParseAndCompleteTraining(text, "t.yaml")) << text;
  }
}

}  // namespace
}  // namespace tpsweep::spec
