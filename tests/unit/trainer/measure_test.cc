// Every quantity against a twin that goes sample by sample, by finite differences.
#include <gmock/gmock.h>

#include <Eigen/SVD>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/measure/angle.h"
#include "worker/trainer/measure/measurer.h"

namespace tpsweep::trainer {
namespace {

using Vector = Eigen::VectorXd;
constexpr double kDamping = 0.05;

v1::Measure Everything() {
  v1::Measure spec;
  spec.set_every(1);
  for (int quantity = v1::Quantity_MIN + 1; quantity <= v1::Quantity_MAX; ++quantity) {
    spec.add_quantities(static_cast<v1::Quantity>(quantity));
  }
  spec.add_damping(kDamping);
  spec.set_damping_search_epoch(1);
  return spec;
}

v1::Measurement MeasureAll(Trainee<double>& trainee, DampingSearch* search = nullptr,
                           const v1::Measure& spec = Everything()) {
  v1::Measurement measurement;
  Measurer<double>(spec, trainee.network.num_layers())
      .Measure({trainee.network, trainee.pass, trainee.rule->feedback_parameters(),
                trainee.feedback_losses},
               search, measurement);
  return measurement;
}

double At(const v1::Measurement& measurement, const std::string& name, int l) {
  const auto found = measurement.vectors().find(name);
  return found == measurement.vectors().end() ? NAN : found->second.values(l - 1);
}

// The outputs of all samples, sample by sample, from the activities of layer l on.
Vector OutputsFrom(const Network<double>& network, int l, Matrix<double> h) {
  for (int above = l + 1; above <= network.num_layers(); ++above) {
    Matrix<double> a(network.size(above), h.cols());
    network.ForwardLayer(above, h, a, a);
    h = a;
  }
  return h.reshaped();
}

// Rows: outputs of all samples, sample by sample; columns: the entries of `at`.
template <class Outputs>
Matrix<double> Differences(Matrix<double>& at, const Outputs& outputs) {
  constexpr double kStep = 1e-6;
  Matrix<double> jacobian(outputs().size(), at.size());
  for (Index i = 0; i < at.size(); ++i) {
    const double value = at.data()[i];
    at.data()[i] = value + kStep;
    const Vector up = outputs();
    at.data()[i] = value - kStep;
    jacobian.col(i) = (up - outputs()) / (2 * kStep);
    at.data()[i] = value;
  }
  return jacobian;
}

Vector DampedStep(const Matrix<double>& jacobian, const Vector& e, double damping = kDamping) {
  const Matrix<double> gram =
      jacobian * jacobian.transpose() + damping * Matrix<double>::Identity(e.size(), e.size());
  return jacobian.transpose() * gram.ldlt().solve(e);
}

v1::TrainingSpec ConvSpec(const std::string& rule) {
  v1::TrainingSpec spec = SpecOfRule(rule);
  v1::Conv& conv = *spec.mutable_network()->add_layers()->mutable_conv();
  conv.set_channels(2);
  conv.set_kernel(3);
  conv.set_stride(1);
  conv.set_padding(1);
  conv.set_pool(3);
  conv.set_pool_stride(2);
  conv.set_pool_padding(1);
  return spec;
}

// The twins of all angles and shares, from finite differences of the network.
void ExpectTwins(Trainee<double>& trainee, const Matrix<double>& x, const Matrix<double>& y) {
  trainee.ComputeGradients(x, y);
  const v1::Measurement measured = MeasureAll(trainee);
  Network<double>& network = trainee.network;
  const Pass<double>& pass = trainee.pass;
  const Index batch = x.cols();
  const Vector e = pass.output_error.reshaped();
  for (int l = 1; l <= network.num_layers(); ++l) {
    const auto at = static_cast<size_t>(l);
    const bool is_hidden = l < network.num_layers();
    const bool has_bias = network.bias(l) != nullptr;
    SCOPED_TRACE(l);
    const auto outputs = [&] {
      Matrix<double> a(network.size(l), batch);
      network.ForwardLayer(l, pass.h[at - 1], a, a);
      return OutputsFrom(network, l, a);
    };
    const Matrix<double> of_weights = Differences(network.weight(l).value, outputs);
    Matrix<double> joint = of_weights;
    if (has_bias) {
      const Matrix<double> of_bias = Differences(network.bias(l)->value, outputs);
      joint.conservativeResize(Eigen::NoChange, of_weights.cols() + of_bias.cols());
      joint.rightCols(of_bias.cols()) = of_bias;
    }
    const Vector update = network.weight(l).gradient.reshaped();
    const Index weights = update.size();
    const auto expect_angles = [&](const char* name, const Vector& step, double tolerance) {
      const std::string prefix = absl::StrCat("layer/", name);
      EXPECT_NEAR(At(measured, prefix + "_weight", l), Angle(step.head(weights), update), tolerance)
          << name;
      if (!has_bias) {
        EXPECT_TRUE(std::isnan(At(measured, prefix + "_bias", l))) << name;
        return;
      }
      EXPECT_NEAR(At(measured, prefix + "_bias", l),
                  Angle(step.tail(step.size() - weights), network.bias(l)->gradient.col(0)),
                  tolerance)
          << name;
    };
    expect_angles("bp_angle", joint.transpose() * e, 1e-4);
    expect_angles("gn_angle", DampedStep(joint, e), 1e-4);

    const Eigen::JacobiSVD<Matrix<double>> svd(of_weights,
                                               Eigen::ComputeFullU | Eigen::ComputeFullV);
    const Index rank = (svd.singularValues().array() > 1e-7).count();
    EXPECT_NEAR(
        At(measured, "layer/nullspace_ratio", l),
        (svd.matrixV().rightCols(weights - rank).transpose() * update).norm() / update.norm(),
        1e-6);

    // Per sample: d h[L] / d h[l], the step of the activities, and its update.
    double bp_angle = 0, gn_angle = 0, condition = 0;
    Vector step = Vector::Zero(joint.cols());
    for (Index b = 0; b < batch; ++b) {
      Matrix<double> h = pass.h[at].col(b);
      const Matrix<double> jacobian = Differences(h, [&] { return OutputsFrom(network, l, h); });
      const Vector error = pass.output_error.col(b);
      const Vector towards = DampedStep(jacobian, error);
      const Vector s = Eigen::JacobiSVD<Matrix<double>>(jacobian).singularValues();
      condition += s(0) / s(s.size() - 1) / static_cast<double>(batch);
      // The gradient of <towards, h[l]> in the layer's parameters.
      const auto along = [&] {
        Matrix<double> a(network.size(l), 1);
        network.ForwardLayer(l, pass.h[at - 1].col(b), a, a);
        return Vector(Vector::Constant(1, towards.dot(a.col(0))));
      };
      step.head(weights) += Differences(network.weight(l).value, along).transpose();
      if (has_bias) {
        step.tail(step.size() - weights) += Differences(network.bias(l)->value, along).transpose();
      }
      if (pass.displacement.empty()) continue;
      const Vector back = -pass.displacement[at].col(b);
      bp_angle += Angle(back, jacobian.transpose() * error) / static_cast<double>(batch);
      gn_angle += Angle(back, towards) / static_cast<double>(batch);
    }
    if (is_hidden) {
      expect_angles("gnt_angle", step, 1e-4);
      EXPECT_NEAR(At(measured, "layer/condition_number", l), condition, 1e-5 * condition);
    } else {
      EXPECT_TRUE(std::isnan(At(measured, "layer/gnt_angle_weight", l)));
      EXPECT_TRUE(std::isnan(At(measured, "layer/condition_number", l)));
    }
    if (pass.displacement.empty()) {
      EXPECT_FALSE(measured.vectors().contains("layer/activation_bp_angle"));
      EXPECT_FALSE(measured.vectors().contains("layer/activation_gn_angle"));
    } else {
      EXPECT_NEAR(At(measured, "layer/activation_bp_angle", l), bp_angle, 1e-4);
      EXPECT_NEAR(At(measured, "layer/activation_gn_angle", l), gn_angle, 1e-4);
    }
  }
}

TEST(Measurements, OfDenseNetworksAreTheirTwins) {
  for (const char* rule : {"bp", "dtp", "ddtp_linear", "gnt"}) {
    SCOPED_TRACE(rule);
    Trainee<double> trainee(SpecOfRule(rule), {4, 6, 5, 3});
    ExpectTwins(trainee, RandomMatrix<double>(4, 3, 1), RandomTargets<double>(3, 3, 2));
  }
}

TEST(Measurements, OfConvolutionalNetworksAreTheirTwins) {
  const v1::TrainingSpec spec = ConvSpec("bp");
  Trainee<double> trainee(spec, {32, 8, 3});
  trainee.network =
      Network<double>(spec.network(), *InferShapes(spec.network(), {2, 4, 4}, 3), {}, 5);
  ExpectTwins(trainee, RandomMatrix<double>(32, 2, 1), RandomTargets<double>(3, 2, 2));
}

TEST(Measurements, HaveTheNormsOfWhatTheRuleHas) {
  Trainee<double> trainee(SpecOfRule("dtp"), {4, 6, 5, 3});
  trainee.ComputeGradients(RandomMatrix<double>(4, 3, 1), RandomTargets<double>(3, 3, 2));
  const v1::Measurement measured = MeasureAll(trainee);
  const auto& q2 = trainee.rule->feedback_parameters()[0];
  const auto& d2 = trainee.rule->feedback_parameters()[1];
  EXPECT_DOUBLE_EQ(At(measured, "layer/feedback_weight_norm", 2), q2.value.norm());
  EXPECT_DOUBLE_EQ(At(measured, "layer/feedback_weight_gradient_norm", 2), q2.gradient.norm());
  EXPECT_DOUBLE_EQ(At(measured, "layer/feedback_bias_gradient_norm", 2), d2.gradient.norm());
  EXPECT_TRUE(std::isnan(At(measured, "layer/feedback_weight_norm", 1)));
  for (int l = 1; l <= 3; ++l) {
    const auto at = static_cast<size_t>(l);
    const Parameter<double>& weight = trainee.network.weight(l);
    EXPECT_DOUBLE_EQ(At(measured, "layer/weight_norm", l), weight.value.norm());
    EXPECT_DOUBLE_EQ(At(measured, "layer/weight_gradient_norm", l), weight.gradient.norm());
    EXPECT_EQ(At(measured, "layer/bias_norm", l), 0);
    EXPECT_DOUBLE_EQ(At(measured, "layer/bias_gradient_norm", l),
                     trainee.network.bias(l)->gradient.norm());
    EXPECT_DOUBLE_EQ(At(measured, "layer/target_norm", l),
                     trainee.pass.target(at).norm() / std::sqrt(3.0));
    EXPECT_DOUBLE_EQ(At(measured, "layer/displacement_norm", l),
                     trainee.pass.displacement[at].norm() / std::sqrt(3.0));
  }
  EXPECT_EQ(At(measured, "layer/reconstruction_loss", 1), trainee.feedback_losses[0]);
  EXPECT_TRUE(std::isnan(At(measured, "layer/reconstruction_loss", 3)));

  Trainee<double> bp(SpecOfRule("bp"), {4, 6, 5, 3});
  bp.ComputeGradients(RandomMatrix<double>(4, 3, 1), RandomTargets<double>(3, 3, 2));
  const v1::Measurement of_bp = MeasureAll(bp);
  for (const char* name : {"layer/target_norm", "layer/displacement_norm",
                           "layer/feedback_weight_norm", "layer/reconstruction_loss"}) {
    EXPECT_FALSE(of_bp.vectors().contains(name)) << name;
  }
  for (int l = 1; l <= 3; ++l) EXPECT_LT(At(of_bp, "layer/bp_angle_weight", l), 1e-5);
}

// I7: with one sample neither bp nor exact Gauss-Newton targets waste anything.
TEST(Measurements, I7OnlyInexactFeedbackHasAShareInTheNullSpace) {
  for (const char* rule : {"bp", "gnt", "dtp"}) {
    Trainee<double> trainee(SpecOfRule(rule), {4, 9, 8, 3});
    trainee.ComputeGradients(RandomMatrix<double>(4, 1, 1), RandomTargets<double>(3, 1, 2));
    const v1::Measurement measured = MeasureAll(trainee);
    for (int l = 1; l <= 2; ++l) {
      const double ratio = At(measured, "layer/nullspace_ratio", l);
      if (std::string(rule) == "dtp") {
        EXPECT_GT(ratio, 0.1);
      } else {
        EXPECT_LT(ratio, 1e-12) << rule;
      }
    }
  }
}

// Of whatever shape; the inverse where there is one.
TEST(Measurements, OfTheMatricesThemselves) {
  v1::TrainingSpec spec = SpecOfRule("gait");
  spec.mutable_network()->set_initialiser(v1::INITIALISER_XAVIER_NORMAL);
  Trainee<double> trainee(spec, {4, 6, 6, 6});
  trainee.network.bias(2)->value = RandomMatrix<double>(6, 1, 3);
  trainee.ComputeGradients(RandomMatrix<double>(4, 3, 1), RandomTargets<double>(3, 3, 2));
  const v1::Measurement measured = MeasureAll(trainee);
  for (int l = 1; l <= 3; ++l) {
    const Matrix<double>& w = trainee.network.weight(l).value;
    const auto s = Eigen::JacobiSVD<Matrix<double>>(w).singularValues();
    const double condition = s(0) / s(s.size() - 1);
    EXPECT_NEAR(At(measured, "layer/weight_condition_number", l), condition, 1e-9 * condition);
    Matrix<double> gram = w.transpose() * w;
    EXPECT_NEAR(At(measured, "layer/orthogonality_defect", l),
                (gram - Matrix<double>::Identity(gram.rows(), gram.cols())).norm(), 1e-12);
    gram.diagonal().setZero();
    EXPECT_NEAR(At(measured, "layer/orthogonality_offdiagonal", l), gram.norm(), 1e-12);
    if (l > 1) {
      EXPECT_LT(At(measured, "layer/inverse_error", l), 1e-14 * condition);
    }
  }
  EXPECT_TRUE(std::isnan(At(measured, "layer/inverse_error", 1)));

  trainee.network.weight(2).value.row(1) = trainee.network.weight(2).value.row(0);
  const v1::Measurement singular = MeasureAll(trainee);
  EXPECT_EQ(At(singular, "layer/weight_condition_number", 2), INFINITY);
  EXPECT_EQ(At(singular, "layer/inverse_error", 2), INFINITY);
}

// Where they are wide, the smaller of the two products may be that of an orthonormal matrix.
TEST(Measurements, OfWideMatricesTakeTheSmallerProduct) {
  v1::TrainingSpec spec = SpecOfRule("bp");
  spec.mutable_network()->set_initialiser(v1::INITIALISER_HAAR);
  Trainee<double> trainee(spec, {7, 4, 5, 3});
  trainee.ComputeGradients(RandomMatrix<double>(7, 3, 1), RandomTargets<double>(3, 3, 2));
  const v1::Measurement measured = MeasureAll(trainee);
  for (int l = 1; l <= 3; ++l) EXPECT_LT(At(measured, "layer/orthogonality_defect", l), 1e-13);
  EXPECT_GT(At(measured, "layer/orthogonality_offdiagonal", 1), 0.1);
  EXPECT_LT(At(measured, "layer/orthogonality_offdiagonal", 2), 1e-13);
  EXPECT_FALSE(measured.vectors().contains("layer/inverse_error"));
}

TEST(Measurements, OfAnUpdateOfZeroAreNotNumbers) {
  Trainee<double> trainee(SpecOfRule("ddtp_linear"), {4, 6, 3});
  trainee.ComputeGradients(RandomMatrix<double>(4, 3, 1), RandomTargets<double>(3, 3, 2));
  for (auto& parameter : trainee.network.parameters()) parameter.gradient.setZero();
  const v1::Measurement measured = MeasureAll(trainee);
  EXPECT_FALSE(measured.vectors().contains("layer/bp_angle_weight"));
  EXPECT_FALSE(measured.vectors().contains("layer/nullspace_ratio"));
  EXPECT_EQ(At(measured, "layer/weight_gradient_norm", 1), 0);
}

TEST(Measurements, TakeADampingForEachHiddenLayer) {
  Trainee<double> trainee(SpecOfRule("dtp"), {4, 6, 5, 3});
  trainee.ComputeGradients(RandomMatrix<double>(4, 3, 1), RandomTargets<double>(3, 3, 2));
  v1::Measure spec = Everything();
  spec.clear_damping();
  spec.add_damping(1);
  spec.add_damping(0.01);
  const v1::Measurement both = MeasureAll(trainee, nullptr, spec);
  for (int l = 1; l <= 2; ++l) {
    v1::Measure one = spec;
    one.clear_damping();
    one.add_damping(spec.damping(l - 1));
    EXPECT_EQ(At(both, "layer/gnt_angle_weight", l),
              At(MeasureAll(trainee, nullptr, one), "layer/gnt_angle_weight", l));
  }
}

TEST(DampingSearch, FindsTheDampingThatTheRuleHas) {
  for (const size_t at : {size_t{0}, size_t{3}, size_t{6}}) {
    v1::TrainingSpec spec = SpecOfRule("gnt");
    spec.mutable_gnt()->set_damping(DampingSearch::kDampings[at]);
    Trainee<double> trainee(spec, {4, 6, 5, 3});
    DampingSearch search(2);
    for (uint64_t key = 1; key < 4; ++key) {
      trainee.ComputeGradients(RandomMatrix<double>(4, 7, key),
                               RandomTargets<double>(3, 7, key + 9));
      MeasureAll(trainee, &search);
    }
    v1::Measurement measurement;
    search.AddResults(measurement);
    for (int l = 1; l <= 2; ++l) {
      EXPECT_EQ(At(measurement, "layer/damping_search/best", l), DampingSearch::kDampings[at]);
      const double angle =
          At(measurement, absl::StrCat("layer/damping_search/angle/", DampingSearch::kDampings[at]),
             l);
      EXPECT_LT(angle, 1e-5);
      EXPECT_GT(At(measurement, "layer/damping_search/angle/10", l), angle);
      EXPECT_EQ(search.count[(static_cast<size_t>(l) - 1) * DampingSearch::kNumDampings + at], 3);
    }
    EXPECT_TRUE(measurement.vectors().contains("layer/damping_search/angle/1e-05"));
    EXPECT_TRUE(std::isnan(At(measurement, "layer/damping_search/best", 3)));
  }
}

TEST(Measurer, CountsItsReports) {
  v1::Measure spec = Everything();
  spec.set_every(4);
  Measurer<float> measurer(spec, 3);
  int64_t reports = 0;
  for (int64_t step = 0; step < 20; ++step) {
    EXPECT_EQ(measurer.NumReportsBefore(step), reports) << step;
    if (measurer.IsDue(step)) ++reports;
  }
  spec.clear_quantities();
  spec.add_quantities(v1::QUANTITY_DAMPING_SEARCH);
  EXPECT_EQ(Measurer<float>(spec, 3).NumReportsBefore(100), 0) << "a search alone reports nothing";
  spec.set_every(0);
  EXPECT_FALSE(Measurer<float>(spec, 3).IsDue(0));
  EXPECT_FALSE(Measurer<float>(spec, 3).Asks(v1::QUANTITY_DAMPING_SEARCH));
}

}  // namespace
}  // namespace tpsweep::trainer
