#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/random.h"
#include "common/status_macros.h"
#include "common/svg.h"
#include "worker/toy/toy.h"
#include "worker/trainer/data/data_set.h"
#include "worker/trainer/learning_rule.h"
#include "worker/trainer/loss.h"
#include "worker/trainer/network.h"
#include "worker/trainer/optimiser.h"
#include "worker/trainer/run/batches.h"

namespace tpsweep {
namespace {

using trainer::Batch;
using trainer::Matrix;
using Point = std::array<double, 2>;

// One arrow: from the output of a sample, by a step of a method.
struct Step {
  Point output, label, step;

  double distance() const { return std::hypot(label[0] - output[0], label[1] - output[1]); }
  double angle_to_label() const {
    const double inner = step[0] * (label[0] - output[0]) + step[1] * (label[1] - output[1]);
    const double cosine = inner / (std::hypot(step[0], step[1]) * distance());
    return std::acos(std::clamp(cosine, -1.0, 1.0)) * 180 / std::numbers::pi;
  }
};

Point PointOf(const Matrix<double>& column) { return {column(0, 0), column(1, 0)}; }

// Trains a fresh network on the one sample of `batch`.
absl::StatusOr<Step> MakeStep(const v1::TrainingSpec& spec, const trainer::DataSet& data,
                              const Batch<double>& batch) {
  TP_ASSIGN_OR_RETURN(std::vector<LayerShape> shapes,
                      InferShapes(spec.network(), data.shape, data.num_outputs));
  const int num_layers = static_cast<int>(shapes.size()) - 1;
  trainer::Network<double> network(spec.network(), std::move(shapes),
                                   trainer::RuleOf(spec).layers_without_bias(spec, num_layers),
                                   DeriveSeed(spec.seed(), "initialisation"));
  const auto rule =
      trainer::MakeRule<double>(spec, network, DeriveSeed(spec.seed(), "feedback initialisation"));
  TP_ASSIGN_OR_RETURN(auto optimiser, trainer::Optimiser<double>::Create(
                                          spec.forward(), network.parameters(), num_layers,
                                          spec.normalize_lr() ? rule->target_stepsize() : 1.0, {}));
  trainer::Pass<double> pass;
  network.Forward(batch.x, pass);
  Step result;
  result.output = PointOf(pass.h.back());
  result.label = PointOf(batch.y);
  trainer::EvaluateLoss<double>(spec.loss(), pass.h.back(), batch.y, &pass.output_error);
  rule->ComputeUpdate(network, pass);
  optimiser.Step(network.parameters());
  network.Forward(batch.x, pass);
  const Point after = PointOf(pass.h.back());
  result.step = {after[0] - result.output[0], after[1] - result.output[1]};
  return result;
}

// Panels side by side, three in a row; colours by method.
class Panels {
 public:
  Panels(int count, const std::vector<ToyMethod>& methods)
      : picture_(kColumns * kPanel, ((count + kColumns - 1) / kColumns) * kPanel + kLegend) {
    double x = 20;
    for (size_t i = 0; i < methods.size(); ++i) {
      picture_.Line(x, kLegend / 2, x + 24, kLegend / 2, Colour(i), 2);
      picture_.Text(x + 30, kLegend / 2 + 4, methods[i].name);
      x += 120;
    }
    picture_.Circle(x + 4, kLegend / 2, 4, "black");
    picture_.Text(x + 14, kLegend / 2 + 4, "label");
  }

  void Draw(int panel, const std::vector<Step>& steps) {
    const Step& first = steps.front();
    const double left = (panel % kColumns) * kPanel;
    const double top = (panel / kColumns) * kPanel + kLegend;
    // The label in the middle, the output well inside.
    const double scale = 0.36 * kPanel / first.distance();
    const auto x = [&](double v) { return left + kPanel / 2 + (v - first.label[0]) * scale; };
    const auto y = [&](double v) { return top + kPanel / 2 - (v - first.label[1]) * scale; };
    // The loss is the mean of two squared errors: its contours are circles.
    for (int contour = 1; contour <= kContours; ++contour) {
      picture_.Circle(x(first.label[0]), y(first.label[1]), 0.48 * kPanel * contour / kContours,
                      "none", "#cccccc");
    }
    picture_.Circle(x(first.label[0]), y(first.label[1]), 4, "black");
    for (size_t i = 0; i < steps.size(); ++i) {
      const Point& from = steps[i].output;
      const double length = std::hypot(steps[i].step[0], steps[i].step[1]);
      const double stretch = length == 0 ? 0 : steps[i].distance() / 2 / length;
      picture_.Arrow(x(from[0]), y(from[1]), x(from[0] + stretch * steps[i].step[0]),
                     y(from[1] + stretch * steps[i].step[1]), Colour(i));
    }
    picture_.Text(left + 8, top + 16, absl::StrCat("sample ", panel));
  }

  std::string ToString() const { return picture_.ToString(); }

 private:
  static constexpr int kColumns = 3;
  static constexpr int kContours = 9;
  static constexpr double kPanel = 240;
  static constexpr double kLegend = 30;

  static const char* Colour(size_t method) {
    constexpr const char* kColours[] = {"#d62728", "#1f77b4", "#2ca02c", "#9467bd"};
    return kColours[method % std::size(kColours)];
  }

  SvgPicture picture_;
};

}  // namespace

absl::StatusOr<ToyResult> CompareOutputSteps(const std::vector<ToyMethod>& methods,
                                             int num_samples) {
  trainer::DataSetCache cache({});
  ToyResult result;
  result.csv = "sample,method,output_1,output_2,label_1,label_2,step_1,step_2,angle_to_label\n";
  Panels panels(num_samples, methods);
  std::vector<double> mean_angle(methods.size());
  for (int sample = 0; sample < num_samples; ++sample) {
    std::vector<Step> steps;
    for (size_t i = 0; i < methods.size(); ++i) {
      const auto& [name, spec] = methods[i];
      TP_ASSIGN_OR_RETURN(const auto data, cache.Get(spec.dataset()));
      if (data->num_outputs != 2) {
        return absl::InvalidArgumentError(absl::StrCat(
            name, ": dataset.student_teacher.outputs: ", data->num_outputs, "; legal: 2"));
      }
      if (num_samples > data->train.count()) {
        return absl::InvalidArgumentError(absl::StrCat(
            name, ": ", num_samples, " samples, but only ", data->train.count(), " train"));
      }
      Batch<double> batch;
      const std::array<int32_t, 1> index = {sample};
      trainer::Batches<double>(spec, *data).Gather(data->train, index, batch);
      TP_ASSIGN_OR_RETURN(const Step step, MakeStep(spec, *data, batch));
      absl::StrAppendFormat(&result.csv, "%d,%s,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.6g\n", sample, name,
                            step.output[0], step.output[1], step.label[0], step.label[1],
                            step.step[0], step.step[1], step.angle_to_label());
      mean_angle[i] += step.angle_to_label() / num_samples;
      steps.push_back(step);
    }
    panels.Draw(sample, steps);
  }
  for (size_t i = 0; i < methods.size(); ++i) {
    absl::StrAppendFormat(&result.summary,
                          "%-16s mean angle between its step and the way to the label: %.2f "
                          "degrees (%d samples)\n",
                          methods[i].name, mean_angle[i], num_samples);
  }
  result.svg = panels.ToString();
  return result;
}

}  // namespace tpsweep
