// Selection of the reported epoch, batch means of errors, and the end of hopeless runs.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/trainer/trainee.h"
#include "tests/unit/trainer/training_run_harness.h"
#include "worker/trainer/loss.h"
#include "worker/trainer/run/epoch_measurement.h"
#include "worker/trainer/run/evaluation.h"
#include "worker/trainer/run/selection.h"

namespace tpsweep::trainer {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;

EpochScores Scores(double train, double validation, double test) {
  // Losses that order the other way round.
  return {.has_errors = true,
          .train = {10 - train, train, 0},
          .validation = Evaluation{10 - validation, validation, 0},
          .test = Evaluation{10 - test, test, 0}};
}

TEST(Selection, TakesTheFirstOfTheSmallestValidationErrors) {
  Selection selection;
  selection.Add(1, Scores(0.9, 0.5, 0.6));
  EXPECT_EQ(selection.epoch, 1);
  selection.Add(2, Scores(0.7, 0.3, 0.4));
  selection.Add(3, Scores(0.8, 0.3, 0.2));  // equal: the first stays
  selection.Add(4, Scores(0.1, 0.4, 0.3));
  EXPECT_EQ(selection.epoch, 2);
  EXPECT_EQ(selection.train_error, 0.7);
  EXPECT_EQ(selection.validation_error, 0.3);
  EXPECT_EQ(selection.test_error, 0.4);
  EXPECT_EQ(selection.train_loss, 10 - 0.7);
  EXPECT_EQ(selection.validation_loss, 10 - 0.3);
  EXPECT_EQ(selection.test_loss, 10 - 0.4);
  EXPECT_EQ(selection.best_test_error, 0.2);
  EXPECT_EQ(selection.best_train_error, 0.1);
  EXPECT_EQ(selection.best_train_loss, 10 - 0.9);
}

TEST(Selection, GoesByLossWhereThereAreNoClasses) {
  Selection selection;
  const double losses[] = {3, 1, 1, 2};
  for (int64_t epoch = 1; epoch <= 4; ++epoch) {
    // The errors are of no meaning, and would select the last.
    const double loss = losses[epoch - 1], error = 1 / static_cast<double>(epoch);
    selection.Add(epoch, {.has_errors = false,
                          .train = {loss, error, error},
                          .validation = Evaluation{loss, error, error},
                          .test = Evaluation{loss + 5, error, error}});
  }
  EXPECT_EQ(selection.epoch, 2);
  EXPECT_EQ(selection.validation_loss, 1);
  EXPECT_EQ(selection.test_loss, 6);
  EXPECT_EQ(selection.best_train_loss, 1);
  for (const double error :
       {selection.train_error, selection.validation_error, selection.test_error,
        selection.best_train_error, selection.best_test_error}) {
    EXPECT_TRUE(std::isnan(error));
  }
}

TEST(EpochMeasurement, HasNoErrorsWhereThereAreNoClasses) {
  const std::vector<Index> sizes = {3, 2};
  const Network<double> network(SpecOfRule("bp").network(), sizes, {}, 1);
  EpochScores scores = Scores(0.1, 0.2, 0.3);
  for (const bool has_errors : {true, false}) {
    scores.has_errors = has_errors;
    Selection selection;
    selection.Add(1, scores);
    const v1::Measurement measurement =
        MeasureEpoch(network, scores, selection, EpochStatistics(1), 10);
    for (const char* part : {"train", "validation", "test"}) {
      EXPECT_TRUE(measurement.scalars().contains(absl::StrCat(part, "/loss")));
      for (const char* name : {"/error", "/error_batch_mean"}) {
        EXPECT_EQ(measurement.scalars().contains(absl::StrCat(part, name)), has_errors);
      }
      EXPECT_TRUE(measurement.scalars().contains(absl::StrCat("selected/", part, "_loss")));
      EXPECT_EQ(measurement.scalars().contains(absl::StrCat("selected/", part, "_error")),
                has_errors);
    }
    EXPECT_EQ(Scalar(measurement, "selected/epoch"), 1);
    EXPECT_EQ(measurement.scalars().contains("best/test_error"), has_errors);
    EXPECT_EQ(measurement.scalars().contains("best/train_error"), has_errors);
    EXPECT_TRUE(measurement.scalars().contains("best/train_loss"));
  }
}

class Reporting : public TrainingRunTest {};

TEST_F(Reporting, SelectsAsAReaderOfTheHistoryWould) {
  v1::TrainingSpec spec = SmallSpec("dtp");
  spec.set_epochs(12);
  const Outcome outcome = Train(spec);
  ASSERT_EQ(outcome.measurements.size(), 12u);
  for (size_t done = 1; done <= 12; ++done) {
    const auto begin = outcome.measurements.begin();
    const auto end = begin + static_cast<int64_t>(done);
    const auto least = [&](const char* name) {
      return std::min_element(begin, end, [&](const auto& a, const auto& b) {
        return Scalar(a, name) < Scalar(b, name);
      });
    };
    const v1::Measurement& now = *(end - 1);
    const v1::Measurement& selected = *least("validation/error");
    EXPECT_EQ(Scalar(now, "selected/epoch"), static_cast<double>(selected.epoch()));
    for (const char* part : {"train", "validation", "test"}) {
      for (const char* kind : {"loss", "error"}) {
        EXPECT_EQ(Scalar(now, absl::StrCat("selected/", part, "_", kind)),
                  Scalar(selected, absl::StrCat(part, "/", kind)))
            << part << " " << kind << " " << done;
      }
    }
    EXPECT_EQ(Scalar(now, "best/test_error"), Scalar(*least("test/error"), "test/error"));
    EXPECT_EQ(Scalar(now, "best/train_error"), Scalar(*least("train/error"), "train/error"));
    EXPECT_EQ(Scalar(now, "best/train_loss"), Scalar(*least("train/loss"), "train/loss"));
  }
  ExpectResumableAnywhere(spec, 41);
}

TEST_F(Reporting, SelectsNothingWithoutAValidationSet) {
  v1::TrainingSpec spec = SmallSpec("bp");
  spec.mutable_dataset()->set_validation(0);
  const Outcome outcome = Train(spec);
  for (const auto& [name, value] : outcome.measurements.back().scalars()) {
    EXPECT_THAT(name, Not(HasSubstr("selected/")));
    EXPECT_THAT(name, Not(HasSubstr("validation/")));
  }
  EXPECT_THAT(outcome.measurements.back().scalars(), Contains(Key("best/test_error")));
}

// 130 training, 20 validation and 40 test samples, in mini-batches of 16.
TEST_F(Reporting, BatchMeansWeighEveryMiniBatchTheSame) {
  v1::TrainingSpec spec = SmallSpec("bp");
  spec.set_precision(v1::PRECISION_FLOAT64);
  spec.mutable_forward()->set_lr(0, 0);
  spec.set_epochs(1);
  for (const int batch_size : {16, 3, 1, 1000}) {
    spec.set_batch_size(batch_size);
    const auto run = Make(spec);
    const Outcome outcome = Finish(*run);
    const v1::Measurement& measurement = outcome.measurements.at(0);
    if (batch_size == 1 || batch_size == 1000) {  // all of a size: the exact mean
      for (const char* part : {"train", "validation", "test"}) {
        EXPECT_NEAR(Scalar(measurement, absl::StrCat(part, "/error_batch_mean")),
                    Scalar(measurement, absl::StrCat(part, "/error")), 1e-12);
      }
      continue;
    }
    // The test set is taken in its order, so its mini-batches can be made again.
    TP_ASSERT_OK_AND_ASSIGN(const auto data, cache_.Get(spec.dataset()));
    const std::vector<Index> sizes = {16, 12, 9, 3};
    Network<double> network(spec.network(), sizes, {}, 0);
    for (Parameter<double>& parameter : network.parameters()) {
      const Tensor tensor = TensorOf(outcome.checkpoint, parameter.name);
      Matrix<double> transposed(parameter.value.cols(), parameter.value.rows());
      std::copy(tensor.data.begin(), tensor.data.end(), reinterpret_cast<char*>(transposed.data()));
      parameter.value = transposed.transpose();
    }
    const Batches<double> batches(spec, *data);
    double sum = 0;
    int num_batches = 0;
    for (int begin = 0; begin < 40; begin += batch_size, ++num_batches) {
      std::vector<int32_t> indices;
      for (int i = begin; i < std::min(40, begin + batch_size); ++i) indices.push_back(i);
      Batch<double> batch;
      batches.Gather(data->test, indices, batch);
      Pass<double> pass;
      network.Forward(batch.x, pass);
      const LossValue value = EvaluateLoss<double>(spec.loss(), pass.h.back(), batch.y, nullptr);
      sum += static_cast<double>(value.num_misclassified) / static_cast<double>(indices.size());
    }
    EXPECT_NEAR(Scalar(measurement, "test/error_batch_mean"), sum / num_batches, 1e-12);
  }
}

TEST(EpochMeasurement, TrainingErrorsAreMeansOverSamplesAndOverMiniBatches) {
  EpochStatistics statistics(1);
  statistics.loss_sum = 6;
  statistics.num_misclassified = 3;  // 1 of 4 and 2 of 2
  statistics.batch_error_sum = 0.25 + 1;
  const Evaluation value = TrainEvaluation(statistics, 6, 2);
  EXPECT_EQ(value.loss, 1);
  EXPECT_EQ(value.error, 0.5);
  EXPECT_EQ(value.error_batch_mean, 0.625);
}

TEST_F(Reporting, HopelessRunsEndAfterTheirReport) {
  v1::TrainingSpec spec = SmallSpec("bp");
  spec.mutable_forward()->set_lr(0, 0);  // learns nothing
  spec.set_epochs(5);
  spec.mutable_hopeless()->set_from_epoch(3);
  spec.mutable_hopeless()->set_max_train_error(0.1);
  const auto run = Make(spec);
  const Outcome outcome = Finish(*run);
  EXPECT_EQ(outcome.end, TrainingRun::End::kInfeasible);
  ASSERT_EQ(outcome.measurements.size(), 3u);
  EXPECT_EQ(outcome.message, absl::StrCat("hopeless: train/error ",
                                          Scalar(outcome.measurements.back(), "train/error"),
                                          " after epoch 3 is above hopeless.max_train_error 0.1"));
  // Whoever goes on from its last checkpoint comes to the same end.
  ASSERT_EQ(outcome.epoch_checkpoints.size(), 2u);
  const auto again = Make(spec);
  TP_ASSERT_OK(again->Restore(outcome.epoch_checkpoints.back()));
  const Outcome rest = Finish(*again);
  EXPECT_EQ(rest.end, TrainingRun::End::kInfeasible);
  EXPECT_EQ(rest.message, outcome.message);

  spec.mutable_hopeless()->set_max_train_error(Scalar(outcome.measurements[0], "train/error"));
  EXPECT_EQ(Train(spec).end, TrainingRun::End::kCompleted);  // not above
  spec.mutable_hopeless()->set_max_train_error(0.1);
  spec.mutable_hopeless()->set_from_epoch(0);
  EXPECT_EQ(Train(spec).end, TrainingRun::End::kCompleted);
}

}  // namespace
}  // namespace tpsweep::trainer
