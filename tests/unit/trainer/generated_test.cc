#include "worker/trainer/data/generated.h"

#include <Eigen/Cholesky>
#include <cmath>

#include "tests/fakes/status_matchers.h"
#include "tests/fakes/training_specs.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {
namespace {

using testing::HasSubstr;

const std::vector<double>& InputsOf(const Samples& samples) {
  return std::get<std::vector<double>>(samples.inputs);
}

TEST(StudentTeacher, HasTheSizesThatWereAskedFor) {
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeGenerated(SmallStudentTeacher()));
  EXPECT_EQ(set->name, "student-teacher");
  EXPECT_FALSE(set->is_classification);
  EXPECT_EQ(set->shape, (MapShape{3, 1, 1}));
  EXPECT_EQ(set->num_outputs, 2);
  EXPECT_EQ(set->train.count(), 120);  // with those for validation
  EXPECT_EQ(set->test.count(), 30);
  EXPECT_EQ(InputsOf(set->train).size(), 360u);
  EXPECT_EQ(set->train.targets.size(), 240u);
}

TEST(StudentTeacher, InputsAreUniformBetweenMinusOneAndOne) {
  v1::Dataset spec = SmallStudentTeacher();
  spec.mutable_student_teacher()->set_train(20000);
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeGenerated(spec));
  double sum = 0, squares = 0;
  for (const double x : InputsOf(set->train)) {
    ASSERT_GE(x, -1);
    ASSERT_LT(x, 1);
    sum += x;
    squares += x * x;
  }
  const auto count = static_cast<double>(InputsOf(set->train).size());
  EXPECT_NEAR(sum / count, 0, 0.01);
  EXPECT_NEAR(squares / count, 1.0 / 3, 0.01);
}

// Without hidden layers the teacher is a matrix of N(0, 9 * 2 / (n_in + n_out)):
// E y^2 = n_in / 3 * 18 / (n_in + n_out).
TEST(StudentTeacher, TheTeachersWeightsHaveGainThree) {
  v1::Dataset spec = SmallStudentTeacher();
  v1::StudentTeacher& task = *spec.mutable_student_teacher();
  task.clear_teacher_hidden();
  task.set_inputs(200);
  task.set_outputs(100);
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeGenerated(spec));
  double squares = 0;
  for (const double y : set->train.targets) squares += y * y;
  EXPECT_NEAR(squares / static_cast<double>(set->train.targets.size()), 200.0 / 3 * 18 / 300, 0.3);
}

// A relu network without biases: f(c x) = c f(x) for c > 0, and not for c < 0.
TEST(StudentTeacher, TheTeacherIsAReluNetworkWithoutBias) {
  v1::Dataset spec = SmallStudentTeacher();
  v1::StudentTeacher& task = *spec.mutable_student_teacher();
  task.set_inputs(1);
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeGenerated(spec));
  const std::vector<double>& x = InputsOf(set->train);
  // Of one input, the slope is the same on each side of 0, and differs between them.
  double slope[2] = {NAN, NAN};
  for (size_t i = 0; i < x.size(); ++i) {
    double& side = slope[x[i] > 0 ? 1 : 0];
    const double here = set->train.targets[2 * i] / x[i];
    if (std::isnan(side)) side = here;
    EXPECT_NEAR(here, side, 1e-9 * std::abs(side));
  }
  EXPECT_GT(std::abs(slope[0] - slope[1]), 1e-3);
}

TEST(StudentTeacher, ItsOwnSeedDecidesAndNoOtherNumber) {
  const v1::Dataset spec = SmallStudentTeacher();
  TP_ASSERT_OK_AND_ASSIGN(const auto first, MakeGenerated(spec));
  TP_ASSERT_OK_AND_ASSIGN(const auto again, MakeGenerated(spec));
  EXPECT_EQ(first->sha256, again->sha256);
  EXPECT_EQ(first->train.targets, again->train.targets);

  v1::Dataset more = spec;
  more.set_validation(50);
  TP_ASSERT_OK_AND_ASSIGN(const auto longer, MakeGenerated(more));
  EXPECT_TRUE(std::equal(InputsOf(first->train).begin(), InputsOf(first->train).end(),
                         InputsOf(longer->train).begin()));
  EXPECT_EQ(InputsOf(first->test), InputsOf(longer->test));
  EXPECT_NE(first->sha256, longer->sha256);

  v1::Dataset other = spec;
  other.mutable_student_teacher()->set_seed(43);
  TP_ASSERT_OK_AND_ASSIGN(const auto different, MakeGenerated(other));
  EXPECT_NE(InputsOf(first->train), InputsOf(different->train));
}

v1::Dataset SmallLinearRegression() {
  v1::Dataset spec = NamedDataSet("linear-regression");
  v1::LinearRegression& task = *spec.mutable_linear_regression();
  task.set_inputs(5);
  task.set_outputs(3);
  task.set_train(4000);
  task.set_test(30);
  task.set_seed(42);
  return spec;
}

// The targets lie on a matrix with entries in (-1, 1), which least squares finds again.
TEST(LinearRegression, IsAMatrixTimesNormalInputs) {
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeGenerated(SmallLinearRegression()));
  EXPECT_EQ(set->shape, (MapShape{5, 1, 1}));
  EXPECT_EQ(set->test.count(), 30);
  const Eigen::Map<const Matrix<double>> x(InputsOf(set->train).data(), 5, 4000);
  const Eigen::Map<const Matrix<double>> y(set->train.targets.data(), 3, 4000);
  EXPECT_NEAR(x.mean(), 0, 0.05);
  EXPECT_NEAR(x.squaredNorm() / 20000, 1, 0.06);
  const Matrix<double> gram = x * x.transpose();
  const Matrix<double> t = gram.ldlt().solve(x * y.transpose()).transpose();
  EXPECT_LT((t * x - y).norm(), 1e-10 * y.norm());
  EXPECT_LT(t.cwiseAbs().maxCoeff(), 1);
  EXPECT_GT(t.cwiseAbs().maxCoeff(), 0.5);
}

v1::Dataset SmallNonlinearRegression(double weight_bound) {
  v1::Dataset spec = NamedDataSet("nonlinear-regression");
  v1::NonlinearRegression& task = *spec.mutable_nonlinear_regression();
  task.set_inputs(4);
  task.set_outputs(2);
  task.add_teacher_hidden(6);
  task.set_weight_bound(weight_bound);
  task.set_train(500);
  task.set_test(30);
  task.set_seed(42);
  return spec;
}

TEST(NonlinearRegression, IsATanhNetworkWithBiases) {
  const double bound = 2;
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeGenerated(SmallNonlinearRegression(bound)));
  const Eigen::Map<const Matrix<double>> x(InputsOf(set->train).data(), 4, 500);
  const Eigen::Map<const Matrix<double>> y(set->train.targets.data(), 2, 500);
  EXPECT_LE(y.cwiseAbs().maxCoeff(), bound * (6 + 1));
  // Neither affine in its inputs, nor odd.
  Matrix<double> affine(5, 500);
  affine << x, Matrix<double>::Ones(1, 500);
  const Matrix<double> gram = affine * affine.transpose();
  const Matrix<double> fit = gram.ldlt().solve(affine * y.transpose()).transpose();
  EXPECT_GT((fit * affine - y).norm(), 0.1 * y.norm());
  EXPECT_GT(fit.col(4).norm(), 0.01);
}

TEST(NonlinearRegression, IsNearlyAffineForSmallWeights) {
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeGenerated(SmallNonlinearRegression(0.01)));
  const Eigen::Map<const Matrix<double>> y(set->train.targets.data(), 2, 500);
  EXPECT_LT(y.cwiseAbs().maxCoeff(), 0.01 + 6 * 0.01 * 0.01 * (4 * 4 + 1));
  EXPECT_GT(y.cwiseAbs().maxCoeff(), 0);
}

TEST(StudentTeacher, RefusesWhatTakesTooMuchMemory) {
  v1::Dataset spec = SmallStudentTeacher();
  spec.mutable_student_teacher()->set_teacher_hidden(0, 100000);
  spec.mutable_student_teacher()->set_teacher_hidden(1, 100000);
  EXPECT_THAT(MakeGenerated(spec),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("dataset.student_teacher.teacher_hidden: makes 10000500000")));
  spec = SmallStudentTeacher();
  spec.mutable_student_teacher()->set_inputs(100000);
  spec.mutable_student_teacher()->set_train(10000000);
  EXPECT_THAT(MakeGenerated(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("10000050 samples")));
}

}  // namespace
}  // namespace tpsweep::trainer
