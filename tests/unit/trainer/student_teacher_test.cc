#include "worker/trainer/data/student_teacher.h"

#include <cmath>

#include "tests/fakes/status_matchers.h"
#include "tests/fakes/training_specs.h"

namespace tpsweep::trainer {
namespace {

using testing::HasSubstr;

const std::vector<double>& InputsOf(const Samples& samples) {
  return std::get<std::vector<double>>(samples.inputs);
}

TEST(StudentTeacher, HasTheSizesThatWereAskedFor) {
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeStudentTeacher(SmallStudentTeacher()));
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
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeStudentTeacher(spec));
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
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeStudentTeacher(spec));
  double squares = 0;
  for (const double y : set->train.targets) squares += y * y;
  EXPECT_NEAR(squares / static_cast<double>(set->train.targets.size()), 200.0 / 3 * 18 / 300, 0.3);
}

// A relu network without biases: f(c x) = c f(x) for c > 0, and not for c < 0.
TEST(StudentTeacher, TheTeacherIsAReluNetworkWithoutBias) {
  v1::Dataset spec = SmallStudentTeacher();
  v1::StudentTeacher& task = *spec.mutable_student_teacher();
  task.set_inputs(1);
  TP_ASSERT_OK_AND_ASSIGN(const auto set, MakeStudentTeacher(spec));
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
  TP_ASSERT_OK_AND_ASSIGN(const auto first, MakeStudentTeacher(spec));
  TP_ASSERT_OK_AND_ASSIGN(const auto again, MakeStudentTeacher(spec));
  EXPECT_EQ(first->sha256, again->sha256);
  EXPECT_EQ(first->train.targets, again->train.targets);

  v1::Dataset more = spec;
  more.set_validation(50);
  TP_ASSERT_OK_AND_ASSIGN(const auto longer, MakeStudentTeacher(more));
  EXPECT_TRUE(std::equal(InputsOf(first->train).begin(), InputsOf(first->train).end(),
                         InputsOf(longer->train).begin()));
  EXPECT_EQ(InputsOf(first->test), InputsOf(longer->test));
  EXPECT_NE(first->sha256, longer->sha256);

  v1::Dataset other = spec;
  other.mutable_student_teacher()->set_seed(43);
  TP_ASSERT_OK_AND_ASSIGN(const auto different, MakeStudentTeacher(other));
  EXPECT_NE(InputsOf(first->train), InputsOf(different->train));
}

TEST(StudentTeacher, RefusesWhatTakesTooMuchMemory) {
  v1::Dataset spec = SmallStudentTeacher();
  spec.mutable_student_teacher()->set_teacher_hidden(0, 100000);
  spec.mutable_student_teacher()->set_teacher_hidden(1, 100000);
  EXPECT_THAT(MakeStudentTeacher(spec),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("dataset.student_teacher.teacher_hidden: makes 10000500000")));
  spec = SmallStudentTeacher();
  spec.mutable_student_teacher()->set_inputs(100000);
  spec.mutable_student_teacher()->set_train(10000000);
  EXPECT_THAT(MakeStudentTeacher(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("10000050 samples")));
}

}  // namespace
}  // namespace tpsweep::trainer
