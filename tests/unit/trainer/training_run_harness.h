// A training run on the toy data set, and everything that it says and leaves.
#pragma once

#include <gmock/gmock.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/status_matchers.h"
#include "tests/fakes/synthetic_idx.h"
#include "tests/fakes/training_specs.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/run/training_run.h"

namespace tpsweep::trainer {

// Everything that a run says and leaves, without what depends on the clock.
struct Outcome {
  TrainingRun::End end = TrainingRun::End::kStopped;
  std::string message;
  std::vector<v1::Measurement> measurements;
  std::string checkpoint;
  std::vector<std::string> epoch_checkpoints;

  // Exact: protobuf keeps every bit of a double.
  std::vector<std::string> Bits() const {
    std::vector<std::string> bits;
    for (v1::Measurement measurement : measurements) {
      measurement.clear_wall_seconds();
      measurement.mutable_scalars()->erase("seconds");
      measurement.mutable_scalars()->erase("samples_per_second");
      bits.push_back(measurement.DebugString());
    }
    bits.push_back(checkpoint);
    return bits;
  }
};

class TrainingRunTest : public testing::Test {
 protected:
  TrainingRunTest() : cache_({folder_.path()}) {
    WriteSyntheticIdx(folder_.File("toy"), {.train = 150});
  }

  std::unique_ptr<TrainingRun> Make(const v1::TrainingSpec& spec) {
    auto run = TrainingRun::Create(spec, cache_);
    EXPECT_THAT(run, IsOk());
    return *std::move(run);
  }

  // Stopped before any mini-batch and restored in another run, it ends in the same bits.
  void ExpectResumableAnywhere(const v1::TrainingSpec& spec, int stride = 1) {
    const Outcome whole = Train(spec);
    for (int batches = 1;; batches += stride) {
      const auto first = Make(spec);
      const Outcome begun = Finish(*first, batches);
      if (begun.end == TrainingRun::End::kCompleted) {
        EXPECT_GT(batches, 2 * stride);
        return;
      }
      ASSERT_EQ(begun.end, TrainingRun::End::kStopped) << begun.message;
      const auto second = Make(spec);
      TP_ASSERT_OK(second->Restore(begun.checkpoint));
      Outcome rest = Finish(*second);
      rest.measurements.insert(rest.measurements.begin(), begun.measurements.begin(),
                               begun.measurements.end());
      ASSERT_EQ(rest.Bits(), whole.Bits()) << batches;
    }
  }

  // Trains until the end, or until `batches` mini-batches were done.
  static Outcome Finish(TrainingRun& run, int batches = 1 << 30,
                        const std::function<int()>& threads = {}) {
    Outcome outcome;
    const auto result = run.Train(
        [&](const auto& m) { outcome.measurements.push_back(m); }, [&] { return batches-- == 0; },
        [&] { outcome.epoch_checkpoints.push_back(run.Checkpoint()); }, threads);
    outcome.end = result.end;
    outcome.message = result.message;
    outcome.checkpoint = run.Checkpoint();
    return outcome;
  }

  Outcome Train(const v1::TrainingSpec& spec) { return Finish(*Make(spec)); }

  TempFolder folder_;
  DataSetCache cache_;
};

inline double Scalar(const v1::Measurement& measurement, const std::string& name) {
  const auto found = measurement.scalars().find(name);
  return found == measurement.scalars().end() ? NAN : found->second;
}

inline Tensor TensorOf(const std::string& checkpoint, const std::string& name) {
  return ParseSafetensors(checkpoint, "checkpoint").value().tensors.at(name);
}

}  // namespace tpsweep::trainer
