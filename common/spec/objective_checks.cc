#include "common/spec/objective_checks.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/spec/schema.h"
#include "common/spec/text.h"
#include "common/spec/training_checks.h"
#include "common/training/known_data.h"

namespace tpsweep::spec {
namespace {

// The scalar measurements of the trainer.
constexpr absl::string_view kScalars[] = {"train/loss",
                                          "train/error",
                                          "train/error_batch_mean",
                                          "validation/loss",
                                          "validation/error",
                                          "validation/error_batch_mean",
                                          "test/loss",
                                          "test/error",
                                          "test/error_batch_mean",
                                          "selected/epoch",
                                          "selected/train_loss",
                                          "selected/train_error",
                                          "selected/validation_loss",
                                          "selected/validation_error",
                                          "selected/test_loss",
                                          "selected/test_error",
                                          "best/train_loss",
                                          "best/train_error",
                                          "best/test_error",
                                          "feedback/loss",
                                          "seconds",
                                          "samples_per_second"};

// Its vectors with one entry a layer, without `layer/`, and the quantity of
// training.measure that they belong to; none for those of every epoch.
struct VectorName {
  absl::string_view name;
  v1::Quantity quantity;
};
constexpr VectorName kVectors[] = {
    {"parameter_norm", v1::QUANTITY_UNSPECIFIED},
    {"update_norm", v1::QUANTITY_UNSPECIFIED},
    {"target_norm", v1::QUANTITY_UNSPECIFIED},
    {"feedback_loss", v1::QUANTITY_UNSPECIFIED},
    {"bp_angle_weight", v1::QUANTITY_BP_ANGLE},
    {"bp_angle_bias", v1::QUANTITY_BP_ANGLE},
    {"gnt_angle_weight", v1::QUANTITY_GNT_ANGLE},
    {"gnt_angle_bias", v1::QUANTITY_GNT_ANGLE},
    {"gn_angle_weight", v1::QUANTITY_GN_ANGLE},
    {"gn_angle_bias", v1::QUANTITY_GN_ANGLE},
    {"activation_bp_angle", v1::QUANTITY_ACTIVATION_BP_ANGLE},
    {"activation_gn_angle", v1::QUANTITY_ACTIVATION_GN_ANGLE},
    {"nullspace_ratio", v1::QUANTITY_NULLSPACE},
    {"reconstruction_loss", v1::QUANTITY_RECONSTRUCTION_LOSS},
    {"weight_norm", v1::QUANTITY_NORMS},
    {"bias_norm", v1::QUANTITY_NORMS},
    {"weight_gradient_norm", v1::QUANTITY_NORMS},
    {"bias_gradient_norm", v1::QUANTITY_NORMS},
    {"feedback_weight_norm", v1::QUANTITY_NORMS},
    {"feedback_bias_norm", v1::QUANTITY_NORMS},
    {"feedback_weight_gradient_norm", v1::QUANTITY_NORMS},
    {"feedback_bias_gradient_norm", v1::QUANTITY_NORMS},
    {"displacement_norm", v1::QUANTITY_NORMS},
    {"condition_number", v1::QUANTITY_CONDITION_NUMBER},
    {"damping_search/best", v1::QUANTITY_DAMPING_SEARCH},
    {"weight_condition_number", v1::QUANTITY_WEIGHT_CONDITION_NUMBER},
    {"orthogonality_defect", v1::QUANTITY_ORTHOGONALITY},
    {"orthogonality_offdiagonal", v1::QUANTITY_ORTHOGONALITY},
    {"inverse_error", v1::QUANTITY_INVERSE_ERROR},
    {"feedback_angle", v1::QUANTITY_FEEDBACK_ANGLE},
    {"ndi_angle", v1::QUANTITY_NDI_ANGLE},
    {"pbp_angle", v1::QUANTITY_PBP_ANGLE},
    {"inversion_residual", v1::QUANTITY_INVERSION_RESIDUAL},
    {"largest_real_part", v1::QUANTITY_STABILITY},
    {"euler_margin", v1::QUANTITY_STABILITY},
    {"inversion_steps", v1::QUANTITY_INVERSION_STEPS},
};

struct Named {
  std::string path;  // of the field
  std::string metric;
};

std::vector<Named> NamedMetrics(const v1::StudySpec& spec) {
  std::vector<Named> named = {{"objective.metric", spec.objective().metric()}};
  for (int i = 0; i < spec.further_objectives_size(); ++i) {
    named.push_back(
        {absl::StrCat("further_objectives[", i, "].metric"), spec.further_objectives(i).metric()});
  }
  for (int i = 0; i < spec.constraints_size(); ++i) {
    named.push_back({absl::StrCat("constraints[", i, "].metric"), spec.constraints(i).metric()});
  }
  return named;
}

const VectorName* FindVector(const std::string& vector) {
  for (const VectorName& known : kVectors) {
    if (vector == absl::StrCat("layer/", known.name)) return &known;
  }
  return nullptr;
}

void CheckName(const Named& named, Problems& problems) {
  if (const auto entry = ParseEntry(named.metric)) {
    if (FindVector(entry->vector) != nullptr) return;
    std::vector<std::string> names;
    for (const VectorName& known : kVectors) names.push_back(absl::StrCat("layer/", known.name));
    problems.Add(named.path, Quoted(entry->vector), " is not a vector with an entry a layer",
                 LegalNames(entry->vector, names));
    return;
  }
  const std::vector<std::string> names(std::begin(kScalars), std::end(kScalars));
  if (absl::c_linear_search(names, named.metric)) return;
  if (FindVector(named.metric) != nullptr) {
    problems.Add(named.path, named.metric,
                 " has an entry for each layer; say which: ", named.metric, "[1] is the first");
    return;
  }
  problems.Add(named.path, Quoted(named.metric), " is not a metric",
               LegalNames(named.metric, names));
}

void CheckEntry(const Named& named, const VectorEntry& entry, const v1::TrainingSpec& training,
                Problems& problems) {
  const int layers =
      std::max(training.network().hidden_size(), training.network().layers_size()) + 1;
  if (entry.layer > layers) {
    problems.Add(named.path, named.metric, ": there is no layer ", entry.layer,
                 "; the network has layers 1 to ", layers);
  }
  const v1::Quantity quantity = FindVector(entry.vector)->quantity;
  const v1::Measure& measure = training.measure();
  const bool is_measured =
      measure.every() > 0 && absl::c_linear_search(measure.quantities(), int{quantity});
  if (quantity == v1::QUANTITY_UNSPECIFIED || is_measured) return;
  const std::string name = NameOf(*v1::Quantity_descriptor()->FindValueByNumber(quantity));
  problems.Add(named.path, named.metric,
               " is not measured; it needs training.measure: {every: N, "
               "quantities: [",
               name, "]}");
}

}  // namespace

std::vector<std::string> MetricsOf(const v1::StudySpec& spec) {
  std::vector<std::string> metrics;
  for (Named& named : NamedMetrics(spec)) metrics.push_back(std::move(named.metric));
  return metrics;
}

std::optional<VectorEntry> ParseEntry(absl::string_view metric) {
  const size_t bracket = metric.find('[');
  VectorEntry entry;
  if (bracket == absl::string_view::npos || metric.back() != ']') return std::nullopt;
  if (!absl::SimpleAtoi(metric.substr(bracket + 1, metric.size() - bracket - 2), &entry.layer)) {
    return std::nullopt;
  }
  entry.vector = std::string(metric.substr(0, bracket));
  return entry;
}

std::vector<std::string> Remarks(const v1::StudySpec& spec) {
  std::vector<std::string> remarks;
  for (const std::string& metric : MetricsOf(spec)) {
    const bool is_of_test = absl::StartsWith(metric, "test/") ||
                            absl::StartsWith(metric, "selected/test_") ||
                            absl::StartsWith(metric, "best/test_");
    if (!is_of_test) continue;
    remarks.push_back(absl::StrCat(
        "'", metric,
        "' is of the test set: trials that are chosen by it have seen the test set, and what "
        "they reach there is too good; choose by validation/error and report test/error"));
  }
  return remarks;
}

void CheckObjectives(const v1::StudySpec& spec, Problems& problems) {
  const std::vector<Named> all = NamedMetrics(spec);
  const size_t objectives = 1 + static_cast<size_t>(spec.further_objectives_size());
  for (size_t i = 0; i < all.size(); ++i) {
    CheckName(all[i], problems);
    for (size_t before = 0; before < i && i < objectives; ++before) {
      if (all[before].metric != all[i].metric) continue;
      problems.Add(all[i].path, all[i].metric, " is an objective already (", all[before].path, ")");
    }
  }
}

void CheckMeasured(const v1::StudySpec& spec, const v1::TrainingSpec& training,
                   Problems& problems) {
  for (const Named& named : NamedMetrics(spec)) {
    if (const auto entry = ParseEntry(named.metric)) {
      CheckEntry(named, *entry, training, problems);
      continue;
    }
    const bool needs_validation = absl::StartsWith(named.metric, "validation/") ||
                                  absl::StartsWith(named.metric, "selected/");
    if (needs_validation && training.dataset().validation() == 0) {
      problems.Add(named.path, named.metric,
                   " needs training.dataset.validation above 0, or choose another metric such as "
                   "train/error");
    }
    if (absl::EndsWith(named.metric, "/error") && IsRegression(training.dataset())) {
      problems.Add(named.path, named.metric, " counts wrong classes, and ",
                   RegressionText(training.dataset()),
                   "; legal: the same of the loss, such as validation/loss");
    }
  }
}

}  // namespace tpsweep::spec
