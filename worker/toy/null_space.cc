#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status_macros.h"
#include "common/svg.h"
#include "worker/toy/toy.h"
#include "worker/trainer/data/data_set.h"
#include "worker/trainer/run/training_run.h"

namespace tpsweep {
namespace {

constexpr char kRatio[] = "layer/nullspace_ratio";
constexpr int kLayer = 2;  // of the bars, as in the figure

struct Bar {
  std::string name;
  double mean = 0;
  double deviation = 0;
};

Bar BarOf(const std::string& name, const std::vector<double>& ratios) {
  Bar bar{name};
  for (const double ratio : ratios) bar.mean += ratio / static_cast<double>(ratios.size());
  double squares = 0;
  for (const double ratio : ratios) squares += (ratio - bar.mean) * (ratio - bar.mean);
  if (ratios.size() > 1) {
    bar.deviation = std::sqrt(squares / static_cast<double>(ratios.size() - 1));
  }
  return bar;
}

// Trains once; appends the rows of the table and the ratios of kLayer.
absl::Status TrainAndMeasure(const std::string& name, const v1::TrainingSpec& spec,
                             trainer::DataSetCache& data, std::string& csv,
                             std::vector<double>& ratios) {
  TP_ASSIGN_OR_RETURN(const std::unique_ptr<trainer::TrainingRun> run,
                      trainer::TrainingRun::Create(spec, data));
  const trainer::TrainingRun::Result result = run->Train(
      [&](const v1::Measurement& measurement) {
        const auto found = measurement.vectors().find(kRatio);
        if (found == measurement.vectors().end()) return;
        absl::StrAppend(&csv, name, ",", spec.seed(), ",", measurement.step());
        for (const double ratio : found->second.values()) {
          absl::StrAppendFormat(&csv, ",%.9g", ratio);
        }
        absl::StrAppend(&csv, "\n");
        ratios.push_back(found->second.values(kLayer - 1));
      },
      [] { return false; });
  if (result.end == trainer::TrainingRun::End::kCompleted) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(name, ", seed ", spec.seed(), ": ", result.message));
}

std::string Draw(const std::vector<Bar>& bars) {
  constexpr double kBarWidth = 90, kGap = 60, kLeft = 60, kTop = 40, kHeight = 240;
  const double width = kLeft + static_cast<double>(bars.size()) * (kBarWidth + kGap) + kGap;
  const double bottom = kTop + kHeight;
  SvgPicture picture(width, bottom + 50);
  picture.Text(width / 2, 22, "share of the update in the null space, layer 2",
               SvgPicture::Anchor::kMiddle, 13);
  double largest = 0.1;
  for (const Bar& bar : bars) largest = std::max(largest, bar.mean + bar.deviation);
  const auto y = [&](double ratio) { return bottom - ratio / largest * kHeight; };
  picture.Line(kLeft, kTop, kLeft, bottom, "black");
  picture.Line(kLeft, bottom, width - kGap / 2, bottom, "black");
  for (int tick = 0; tick <= 4; ++tick) {
    const double ratio = largest * tick / 4;
    picture.Line(kLeft - 4, y(ratio), kLeft, y(ratio), "black");
    picture.Text(kLeft - 8, y(ratio) + 4, absl::StrFormat("%.2f", ratio), SvgPicture::Anchor::kEnd,
                 11);
  }
  double x = kLeft + kGap;
  for (const Bar& bar : bars) {
    const double middle = x + kBarWidth / 2;
    picture.Rectangle(x, y(bar.mean), kBarWidth, bottom - y(bar.mean), "#7aa6d6");
    const double low = std::max(0.0, bar.mean - bar.deviation);
    picture.Line(middle, y(low), middle, y(bar.mean + bar.deviation), "black", 1.5);
    picture.Text(middle, bottom + 20, bar.name, SvgPicture::Anchor::kMiddle);
    x += kBarWidth + kGap;
  }
  return picture.ToString();
}

}  // namespace

absl::StatusOr<ToyResult> CompareNullSpaces(const std::vector<ToyMethod>& methods, int num_seeds) {
  trainer::DataSetCache data({});
  ToyResult result;
  std::vector<Bar> bars;
  std::string rows;
  for (const ToyMethod& method : methods) {
    const auto& quantities = method.spec.measure().quantities();
    if (method.spec.measure().every() == 0 ||
        std::find(quantities.begin(), quantities.end(), v1::QUANTITY_NULLSPACE) ==
            quantities.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(method.name, ": measure.quantities: must have nullspace"));
    }
    std::vector<double> ratios;
    for (int i = 0; i < num_seeds; ++i) {
      v1::TrainingSpec spec = method.spec;
      spec.set_seed(spec.seed() + static_cast<uint64_t>(i));
      TP_RETURN_IF_ERROR(TrainAndMeasure(method.name, spec, data, rows, ratios));
    }
    bars.push_back(BarOf(method.name, ratios));
    absl::StrAppendFormat(&result.summary, "%-16s %.4f ± %.4f  (%d measurements, %d seeds)\n",
                          method.name, bars.back().mean, bars.back().deviation, ratios.size(),
                          num_seeds);
  }
  const size_t first_row = rows.find('\n');
  const auto columns =
      std::count(rows.begin(), rows.begin() + static_cast<int64_t>(first_row), ',');
  result.csv = "method,seed,step";
  for (int64_t layer = 1; layer <= columns - 2; ++layer) {
    absl::StrAppend(&result.csv, ",nullspace_ratio_", layer);
  }
  absl::StrAppend(&result.csv, "\n", rows);
  result.svg = Draw(bars);
  return result;
}

}  // namespace tpsweep
