// A training run on each kind of data.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tests/fakes/data_files.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/synthetic_idx.h"
#include "tests/fakes/training_specs.h"
#include "worker/trainer/run/batches.h"
#include "worker/trainer/run/training_run.h"

namespace tpsweep::trainer {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;

class DataRunTest : public testing::Test {
 protected:
  std::vector<v1::Measurement> Train(const v1::TrainingSpec& spec) {
    std::vector<v1::Measurement> measurements;
    const auto run = TrainingRun::Create(spec, cache_);
    EXPECT_THAT(run, IsOk());
    if (!run.ok()) return {v1::Measurement(), v1::Measurement()};
    const auto result =
        (*run)->Train([&](const auto& m) { measurements.push_back(m); }, [] { return false; });
    EXPECT_EQ(result.end, TrainingRun::End::kCompleted) << result.message;
    return measurements;
  }
  void ExpectRefusal(const v1::TrainingSpec& spec, const char* message) {
    EXPECT_THAT(TrainingRun::Create(spec, cache_),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  }

  // Two inputs, and whether the first is the larger.
  void WriteTable() {
    RandomStream random(5);
    for (const char* file : {"train.csv", "test.csv"}) {
      std::string text = "x1,x2,label\n";
      for (int i = 0; i < 200; ++i) {
        const double x1 = random.NextUniform();
        const double x2 = random.NextUniform();
        absl::StrAppend(&text, x1, ",", x2, ",", x1 > x2 ? 7 : 3, "\n");
      }
      WriteBytes(folder_.File(absl::StrCat("toy/", file)), text);
    }
  }

  // y = x1 + 2 x2.
  void WriteArchive() {
    RandomStream random(5);
    std::vector<ZipEntry> entries;
    for (const char* part : {"train", "test"}) {
      std::vector<double> x, y;
      for (int i = 0; i < 200; ++i) {
        x.push_back(random.NextUniform());
        x.push_back(random.NextUniform());
        y.push_back(x[x.size() - 2] + 2 * x.back());
      }
      entries.push_back({absl::StrCat(part, "_x.npy"), NpyBytes("<f8", "(200, 2)", RawBytes(x))});
      entries.push_back({absl::StrCat(part, "_y.npy"), NpyBytes("<f8", "(200,)", RawBytes(y)),
                         /*is_deflated=*/true});
    }
    WriteBytes(folder_.File("toy/data.npz"), ZipBytes(entries));
  }

  TempFolder folder_;
  DataSetCache cache_{{folder_.path()}};
};

double Scalar(const v1::Measurement& measurement, const std::string& name) {
  const auto found = measurement.scalars().find(name);
  return found == measurement.scalars().end() ? NAN : found->second;
}

v1::TrainingSpec LongSpec(const std::string& rule) {
  v1::TrainingSpec spec = SmallSpec(rule);
  spec.set_epochs(20);
  spec.mutable_forward()->set_lr(0, 0.02);
  return spec;
}

TEST_F(DataRunTest, LearnsTheClassesOfATable) {
  WriteTable();
  for (const char* rule : {"bp", "ddtp_linear"}) {
    const auto measurements = Train(LongSpec(rule));
    EXPECT_LT(Scalar(measurements.back(), "test/error"), 0.1) << rule;
  }
}

TEST_F(DataRunTest, LearnsTheTargetsOfAnArchive) {
  WriteArchive();
  v1::TrainingSpec spec = LongSpec("bp");
  spec.set_loss(v1::LOSS_MSE);
  for (const v1::Precision precision : {v1::PRECISION_FLOAT32, v1::PRECISION_FLOAT64}) {
    spec.set_precision(precision);
    const auto measurements = Train(spec);
    for (const char* part : {"train", "validation", "test"}) {
      // The variance of the targets is (1 + 4) / 12.
      EXPECT_LT(Scalar(measurements.back(), absl::StrCat(part, "/loss")), 0.01);
      EXPECT_THAT(measurements.back().scalars(), Not(Contains(Key(absl::StrCat(part, "/error")))));
    }
  }
}

TEST_F(DataRunTest, LearnsTheStudentTeacherTask) {
  v1::TrainingSpec spec = LongSpec("bp");
  *spec.mutable_dataset() = SmallStudentTeacher();
  spec.set_loss(v1::LOSS_MSE);
  const auto measurements = Train(spec);
  EXPECT_LT(Scalar(measurements.back(), "validation/loss"),
            0.2 * Scalar(measurements.front(), "validation/loss"));
  EXPECT_THAT(measurements.back().scalars(), Not(Contains(Key("validation/error"))));
}

TEST_F(DataRunTest, TrainsOnColourImages) {
  const std::vector<int> labels = {0, 9, 9, 0, 9, 0, 0, 9, 9, 9, 0, 9};
  for (int i = 1; i <= 5; ++i) {
    WriteBytes(folder_.File(absl::StrCat("cifar10/data_batch_", i, ".bin")), CifarBytes(labels));
  }
  WriteBytes(folder_.File("cifar10/test_batch.bin"), CifarBytes(labels));
  v1::TrainingSpec spec = LongSpec("bp");
  spec.mutable_dataset()->set_name("cifar10");
  spec.mutable_forward()->set_lr(0, 0.002);
  EXPECT_LT(Scalar(Train(spec).back(), "test/error"), 0.01);
}

TEST_F(DataRunTest, SaysWhatTheDataHasNot) {
  WriteArchive();
  v1::TrainingSpec spec = SmallSpec("bp");
  ExpectRefusal(spec,
                "loss: cross_entropy needs classes, but data set toy has real-valued targets; set "
                "loss: mse");
  spec.set_loss(v1::LOSS_MSE);
  spec.mutable_dataset()->set_normalisation(v1::NORMALISATION_STANDARD);
  ExpectRefusal(spec, "dataset.normalisation: standard is for pixel bytes, but toy holds numbers");
}

// x of the first test sample, normalised.
template <class S>
Batch<S> FirstOf(const v1::TrainingSpec& spec, const DataSet& data) {
  Batch<S> batch;
  const std::vector<int32_t> first = {0};
  Batches<S>(spec, data).Gather(data.test, first, batch);
  return batch;
}

TEST_F(DataRunTest, EachSetHasTheNormalisationOfThePaper) {
  const std::string x = NpyBytes("|u1", "(1, 3)", std::string("\0\x33\xff", 3));
  const std::string y = NpyBytes("|u1", "(1,)", "\1");
  struct Expected {
    const char* name;
    double low, high;
  };
  for (const Expected& expected :
       {Expected{"mnist", -0.1307 / 0.3081, (1 - 0.1307) / 0.3081}, Expected{"cifar10", -1, 1},
        Expected{"fashion-mnist", 0, 1}, Expected{"other", 0, 1}}) {
    for (const char* part : {"/train", "/test"}) {
      WriteBytes(folder_.File(absl::StrCat(expected.name, part, "_x.npy")), x);
      WriteBytes(folder_.File(absl::StrCat(expected.name, part, "_y.npy")), y);
    }
    v1::TrainingSpec spec = SmallSpec("bp", expected.name);
    TP_ASSERT_OK_AND_ASSIGN(const auto set, cache_.Get(spec.dataset()));
    const Matrix<double> column = FirstOf<double>(spec, *set).x;
    EXPECT_DOUBLE_EQ(column(0, 0), expected.low) << expected.name;
    EXPECT_DOUBLE_EQ(column(2, 0), expected.high);
    EXPECT_NEAR(column(1, 0), 0.8 * expected.low + 0.2 * expected.high, 1e-15);
    EXPECT_FLOAT_EQ(FirstOf<float>(spec, *set).x(2, 0), static_cast<float>(expected.high));
  }
}

TEST_F(DataRunTest, AFloat64RunSeesEveryBitOfItsData) {
  WriteArchive();
  v1::TrainingSpec spec = SmallSpec("bp");
  spec.set_loss(v1::LOSS_MSE);
  TP_ASSERT_OK_AND_ASSIGN(const auto set, cache_.Get(spec.dataset()));
  const Batch<double> batch = FirstOf<double>(spec, *set);
  EXPECT_EQ(batch.x(0, 0) + 2 * batch.x(1, 0), batch.y(0, 0));
  EXPECT_NE(batch.x(0, 0), static_cast<float>(batch.x(0, 0)));
  EXPECT_TRUE(batch.labels.empty());
}

// The data of a table as its own targets, through a bottleneck of one unit: what one
// principal component explains of two independent uniform inputs is half.
TEST_F(DataRunTest, AnAutoencoderLearnsItsInputs) {
  WriteTable();
  v1::TrainingSpec spec = LongSpec("bp");
  spec.mutable_dataset()->set_targets(v1::TARGETS_INPUTS);
  spec.set_loss(v1::LOSS_MSE);
  spec.mutable_network()->set_activation(v1::ACTIVATION_LINEAR);
  spec.mutable_network()->clear_hidden();
  spec.mutable_network()->add_hidden(1);
  spec.mutable_forward()->set_lr(0, 0.02);
  const std::vector<v1::Measurement> measurements = Train(spec);
  EXPECT_NEAR(Scalar(measurements.back(), "test/loss"), 1.0 / 24, 0.008);
  EXPECT_THAT(measurements.back().scalars(), Not(Contains(Key("test/error"))));

  spec.mutable_network()->add_hidden(2);
  spec.mutable_network()->set_hidden(0, 2);
  EXPECT_LT(Scalar(Train(spec).back(), "test/loss"), 0.002);
}

TEST_F(DataRunTest, AnAutoencoderNeedsALossOfRealTargets) {
  WriteTable();
  v1::TrainingSpec spec = LongSpec("bp");
  spec.mutable_dataset()->set_targets(v1::TARGETS_INPUTS);
  ExpectRefusal(spec, "loss: cross_entropy needs classes, but dataset.targets is inputs");
}

}  // namespace
}  // namespace tpsweep::trainer
