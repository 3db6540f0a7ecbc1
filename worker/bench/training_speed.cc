#include "worker/bench/training_speed.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "common/status_macros.h"
#include "worker/bench/machine.h"
#include "worker/trainer/data/data_set.h"
#include "worker/trainer/run/typed_run.h"
#include "worker/trainer/work_count.h"

namespace tpsweep {
namespace {

using trainer::DataSet;
using trainer::Samples;
using trainer::TrainingRun;

Samples RandomSamples(const DataShape& like, bool is_classification, int64_t count, uint64_t key) {
  RandomStream random(key);
  Samples samples;
  std::vector<uint8_t> pixels(static_cast<size_t>(count * like.input.size()));
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(random.NextBits32() >> 24);
  samples.inputs = std::move(pixels);
  if (is_classification) {
    for (int64_t i = 0; i < count; ++i) {
      samples.labels.push_back(
          static_cast<int32_t>(random.NextBelow(static_cast<uint64_t>(like.num_outputs))));
    }
  } else {
    samples.target_width = like.num_outputs;
    for (int64_t i = 0; i < count * like.num_outputs; ++i) {
      samples.targets.push_back(random.NextNormal());
    }
  }
  return samples;
}

std::shared_ptr<const DataSet> RandomSet(const DataShape& like, bool is_classification,
                                         int64_t count) {
  auto set = std::make_shared<DataSet>();
  set->name = "random";
  set->shape = like.input;
  set->num_outputs = like.num_outputs;
  set->is_classification = is_classification;
  set->train = RandomSamples(like, is_classification, count, 1);
  set->test = RandomSamples(like, is_classification, 1, 2);  // one column: it is not counted
  return set;
}

// Of sorted values, by the nearest rank.
double Quantile(const std::vector<double>& sorted, double q) {
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
}

template <class S>
absl::StatusOr<TrainingSpeed> Measure(const v1::TrainingSpec& spec,
                                      std::shared_ptr<const DataSet> set, double scale) {
  TP_ASSIGN_OR_RETURN(const std::unique_ptr<TrainingRun> run,
                      trainer::TypedRun<S>::Create(spec, std::move(set)));
  std::vector<double> seconds, limits, ratios;
  double multiply_adds = 0;
  int64_t counted = trainer::MultiplyAddsOfThread();
  double rate = 0;
  const TrainingRun::Result result = run->Train(
      [&](const v1::Measurement& measurement) {
        const int64_t now = trainer::MultiplyAddsOfThread();
        multiply_adds = static_cast<double>(now - counted) * scale;
        // The rate of the machine before and after: its clock may change.
        const double rate_after = MeasureMultiplyAdds<S>() * spec.threads_per_run();
        if (measurement.epoch() > 1) {
          seconds.push_back(measurement.scalars().at("seconds") * scale);
          limits.push_back(multiply_adds / ((rate + rate_after) / 2));
          ratios.push_back(seconds.back() / limits.back());
        }
        rate = rate_after;
        counted = now;
      },
      [] { return false; });
  if (result.end != TrainingRun::End::kCompleted) return absl::InternalError(result.message);
  for (std::vector<double>* values : {&seconds, &limits, &ratios}) {
    std::sort(values->begin(), values->end());
  }
  return TrainingSpeed{.seconds = Quantile(seconds, 0.5),
                       .multiply_adds = multiply_adds,
                       .limit_seconds = Quantile(limits, 0.5),
                       .ratio = Quantile(ratios, 0.5),
                       .low_quartile = Quantile(ratios, 0.25),
                       .high_quartile = Quantile(ratios, 0.75)};
}

}  // namespace

absl::StatusOr<TrainingSpeed> MeasureTraining(v1::TrainingSpec spec, const DataShape& like,
                                              bool is_classification, int64_t batches,
                                              int repetitions, int64_t epoch_samples) {
  const int64_t samples = batches * spec.batch_size();
  spec.mutable_dataset()->set_validation(0);
  spec.set_epochs(1 + repetitions);
  if (spec.threads_per_run() == 0) spec.set_threads_per_run(1);
  spec.clear_hopeless();
  spec.clear_measure();
  if (spec.has_feedback_schedule()) spec.mutable_feedback_schedule()->set_pretraining_epochs(0);
  const double scale = static_cast<double>(epoch_samples) / static_cast<double>(samples);
  const std::shared_ptr<const DataSet> set = RandomSet(like, is_classification, samples);
  return spec.precision() == v1::PRECISION_FLOAT64 ? Measure<double>(spec, set, scale)
                                                   : Measure<float>(spec, set, scale);
}

}  // namespace tpsweep
