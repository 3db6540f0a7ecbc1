#include "common/training/feedback_weights.h"

namespace tpsweep {
namespace {

// From the output, and the layer's own activity if it is recurrent, through the
// hidden layers of the path.
double MlpWeights(const v1::DdtpLinearRule& rule, double outputs, double width) {
  double weights = 0;
  double below = outputs + (rule.recurrent_input() ? width : 0);
  for (const int32_t hidden : rule.feedback_hidden()) {
    weights += below * hidden;
    below = hidden;
  }
  return weights + below * width;
}

}  // namespace

std::vector<double> FeedbackWeights(const v1::TrainingSpec& spec,
                                    absl::Span<const int64_t> widths) {
  std::vector<double> weights;
  const double outputs = static_cast<double>(widths.back());
  for (size_t l = 1; l + 1 < widths.size(); ++l) {
    const double width = static_cast<double>(widths[l]);
    const bool is_last = l + 2 == widths.size();
    switch (spec.rule_case()) {
      case v1::TrainingSpec::kDtp:
      case v1::TrainingSpec::kDtpdrl:
      case v1::TrainingSpec::kFa:
      case v1::TrainingSpec::kNdi:
      case v1::TrainingSpec::kDi:
        weights.push_back(width * static_cast<double>(widths[l + 1]));
        break;
      case v1::TrainingSpec::kDdtpLinear:
        weights.push_back(is_last ? outputs * width
                                  : MlpWeights(spec.ddtp_linear(), outputs, width));
        break;
      case v1::TrainingSpec::kDdtpRhl: {
        const v1::DdtpRhlRule& rule = spec.ddtp_rhl();
        const double features = rule.random_units() + (rule.recurrent_input() ? width : 0);
        weights.push_back((is_last ? outputs : features) * width);
        break;
      }
      case v1::TrainingSpec::kDdtpControl:
      case v1::TrainingSpec::kDfa:
        weights.push_back(outputs * width);
        break;
      case v1::TrainingSpec::kSldi:  // one matrix
        weights.push_back(l == 1 ? outputs * width : 0);
        break;
      default:
        break;
    }
  }
  return weights;
}

}  // namespace tpsweep
