// The two toy experiments of [TF] (Meulemans et al., 2020), each from its spec to a
// table of numbers and a picture. docs/learning_rules.md says what they show.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

struct ToyResult {
  std::string csv;
  std::string svg;
  std::string summary;  // a few lines for people
};

// A method of the comparison and its complete, legal training spec.
struct ToyMethod {
  std::string name;
  v1::TrainingSpec spec;
};

// Figure 2: how much of each weight update lies in the null space of the network's
// output, and so is wasted. Trains every method with `num_seeds` seeds, beginning
// with that of its spec, and measures layer/nullspace_ratio as its spec says.
// CSV: method,seed,step, then one column a layer. SVG: a bar for each method, mean and
// standard deviation of the ratio of layer 2 over all measurements.
// kInvalidArgument if a spec does not measure nullspace; kInternal if a run diverges.
absl::StatusOr<ToyResult> CompareNullSpaces(const std::vector<ToyMethod>& methods, int num_seeds);

// Figures S2 and S3: where one update moves the output, for each of the first
// `num_samples` training samples, from the same initial weights. Two outputs, the loss
// mse, mini-batches of one sample.
// CSV: sample,method,output_1,output_2,label_1,label_2,step_1,step_2,angle_to_label
// (degrees). SVG: a panel a sample, with contours of the loss, the label, and arrows
// of half the distance to it.
// kInvalidArgument if a spec has other than two outputs.
absl::StatusOr<ToyResult> CompareOutputSteps(const std::vector<ToyMethod>& methods,
                                             int num_samples);

}  // namespace tpsweep
