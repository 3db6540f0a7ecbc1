// The learning rule of a golden case.
#pragma once

#include "absl/status/status.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/golden/description.h"
#include "worker/trainer/golden/golden_case.h"

namespace tpsweep::trainer {

// Sets the rule of `result.spec` and forward_lr_divisor. kUnimplemented names a rule, or a
// variant of one, that this trainer does not have.
absl::Status ReadRule(const Description& description, GoldenCase& result);

// Whether the file holds feedback weights of the shapes that the rule and the sizes of
// `golden_case` ask for.
absl::Status CheckFeedbackWeights(const SafetensorsFile& file, const GoldenCase& golden_case);

// The layers (1..L) that the paths of feedback are filed under.
struct LayerRange {
  int first, last;
};
LayerRange FeedbackLayers(const v1::TrainingSpec& spec, int num_layers);

// Whether the feedback loss is divided by sigma^2.
bool DividesBySigma(const v1::TrainingSpec& spec);

}  // namespace tpsweep::trainer
