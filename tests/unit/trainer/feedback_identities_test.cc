// Identities of learned feedback in linear networks: I6, I11 and I13 of the project's
// fact sheet on [TF]. J[l] = d h[L] / d h[l] = W[L] ... W[l+1].
#include <gmock/gmock.h>

#include <Eigen/LU>
#include <Eigen/QR>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/trainer/random_shapes.h"
#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

v1::TrainingSpec LinearSpec(const std::string& rule) {
  v1::TrainingSpec spec = SpecOfRule(rule);
  spec.mutable_network()->set_activation(v1::ACTIVATION_LINEAR);
  SetFeedbackActivation(v1::ACTIVATION_LINEAR, spec);
  return spec;
}

Parameter<double>& Find(Trainee<double>& trainee, const std::string& name) {
  for (auto& parameter : trainee.rule->feedback_parameters()) {
    if (parameter.name == name) return parameter;
  }
  ADD_FAILURE() << "no parameter " << name;
  return trainee.rule->feedback_parameters()[0];
}

Matrix<double> Jacobian(const Trainee<double>& trainee, int l) {
  Matrix<double> product =
      Matrix<double>::Identity(trainee.network.size(l), trainee.network.size(l));
  for (int k = l + 1; k <= trainee.network.num_layers(); ++k) {
    product = trainee.network.weight(k).value * product;
  }
  return product;
}

Matrix<double> PseudoInverse(const Matrix<double>& a) {
  return a.completeOrthogonalDecomposition().pseudoInverse();
}

double LargestOf(const Matrix<double>& a) { return a.cwiseAbs().maxCoeff(); }

// Draws whose mean of xi xi^T over the mini-batch is exactly the identity: the feedback
// gradient is its own expectation. Needs a batch of at least the width of the layer.
class WhiteNoise final : public NoiseSource<double> {
 public:
  void Fill(int, double sigma, MatrixRef<double> out) override {
    ASSERT_GE(out.cols(), out.rows());
    out.setZero();
    out.diagonal().setConstant(sigma * std::sqrt(static_cast<double>(out.cols())));
  }
};

constexpr Index kWideBatch = 16;

void Forward(Trainee<double>& trainee) {
  trainee.Evaluate(
      RandomMatrix<double>(trainee.network.size(0), kWideBatch, 1),
      RandomTargets<double>(trainee.network.size(trainee.network.num_layers()), kWideBatch, 2));
}

void ComputeFeedback(Trainee<double>& trainee, NoiseSource<double>& noise) {
  trainee.rule->ComputeFeedbackUpdate(trainee.network, trainee.pass, noise,
                                      trainee.feedback_losses);
}

// With weight decay w: dQ + w Q = 0 at J^T (J J^T + n w/2 I)^-1.
TEST(FeedbackIdentities, I6WeightDecayMakesTheFixedPointOfDdtpLinearADampedPseudoInverse) {
  WhiteNoise noise;
  for (const double decay : {0.01, 1.0}) {
    for (const Shape& shape : RandomShapes(10)) {
      Trainee<double> trainee(LinearSpec("ddtp_linear"), shape.sizes);
      Forward(trainee);
      for (auto& q : trainee.rule->feedback_parameters()) {
        const Matrix<double> j = Jacobian(trainee, q.layer);
        const double damping = static_cast<double>(q.value.rows()) * decay / 2;
        const Matrix<double> gram =
            j * j.transpose() + damping * Matrix<double>::Identity(j.rows(), j.rows());
        q.value = j.transpose() * PseudoInverse(gram);
      }
      ComputeFeedback(trainee, noise);
      for (const auto& q : trainee.rule->feedback_parameters()) {
        EXPECT_LT(LargestOf(q.gradient + decay * q.value), 1e-9) << q.name;
        EXPECT_GT(LargestOf(q.gradient), 1e-6) << q.name;
      }
    }
  }
}

// Without it, the chain Q[k] = (G[k+1] J[k-1])^+, G[k] = Q[k] G[k+1], is where dtpdrl
// stays. It gives the pseudo-inverse of each product, and Gauss-Newton targets.
TEST(FeedbackIdentities, I6TheChainOfDtpdrlLearnsPseudoInversesOfProducts) {
  WhiteNoise noise;
  for (const std::vector<Index>& sizes :
       {std::vector<Index>{4, 7, 6, 3}, {5, 9, 4, 6, 2}, {3, 4, 8, 2}}) {
    Trainee<double> trainee(LinearSpec("dtpdrl"), sizes);
    Forward(trainee);
    const int last = trainee.network.num_layers();
    Matrix<double> g = Matrix<double>::Identity(sizes.back(), sizes.back());
    for (int k = last; k >= 2; --k) {
      const Matrix<double> j = Jacobian(trainee, k - 1);
      Parameter<double>& q = Find(trainee, absl::StrCat("Q", k));
      q.value = PseudoInverse(g * j);
      g = q.value * g;
      EXPECT_LT(LargestOf(g - PseudoInverse(j)), 1e-9) << k;
    }
    ComputeFeedback(trainee, noise);
    for (const auto& q : trainee.rule->feedback_parameters()) {
      EXPECT_LT(LargestOf(q.gradient), 1e-9) << q.name;
    }
    trainee.rule->ComputeUpdate(trainee.network, trainee.pass);
    for (int l = 1; l < last; ++l) {
      EXPECT_LT(LargestOf(trainee.pass.displacement[static_cast<size_t>(l)] +
                          trainee.rule->target_stepsize() * PseudoInverse(Jacobian(trainee, l)) *
                              trainee.pass.output_error),
                1e-9);
    }
    // The pseudo-inverses of the layers, where plain dtp would like to be, do not.
    const Matrix<double> layerwise =
        PseudoInverse(trainee.network.weight(2).value) * PseudoInverse(Jacobian(trainee, 2));
    EXPECT_GT(LargestOf(layerwise - PseudoInverse(Jacobian(trainee, 1))), 1e-3);
  }
}

// Columns minus their mean.
Matrix<double> Centred(const Matrix<double>& m) { return m.colwise() - m.rowwise().mean(); }

// Plain reconstruction from the output: the regression of the corrupted activity on the
// output that it leads to, with intercept.
TEST(FeedbackIdentities, I6TheControlLearnsARegression) {
  for (const std::vector<Index>& sizes : {std::vector<Index>{4, 7, 3}, {5, 9, 6, 2}}) {
    const v1::TrainingSpec spec = LinearSpec("ddtp_control");
    Trainee<double> trainee(spec, sizes);
    Forward(trainee);
    for (int i = 1; i < trainee.network.num_layers(); ++i) {
      Matrix<double> xi(trainee.network.size(i), kWideBatch);
      trainee.noise.Fill(i, 1, xi);
      const Matrix<double> h =
          trainee.pass.h[static_cast<size_t>(i)] + spec.ddtp_control().sigma() * xi;
      const Matrix<double> a = Jacobian(trainee, i) * h;  // biases are 0
      Matrix<double>& q = Find(trainee, absl::StrCat("Q", i)).value;
      q = Centred(h) * PseudoInverse(Centred(a));
      Find(trainee, absl::StrCat("d", i)).value = (h - q * a).rowwise().mean();
    }
    ComputeFeedback(trainee, trainee.noise);
    for (const auto& parameter : trainee.rule->feedback_parameters()) {
      EXPECT_LT(LargestOf(parameter.gradient), 1e-12) << parameter.name;
      EXPECT_GT(LargestOf(parameter.value), 1e-3) << parameter.name;
    }
  }
}

// Plain reconstruction by layers, without intercept: Q = C W^T (W C W^T)^-1 with
// C = mean of hc hc^T, which is the pseudo-inverse of W only for C ~ I.
TEST(FeedbackIdentities, I6PlainDtpLearnsAnInverseWeightedByTheActivities) {
  for (const std::vector<Index>& sizes : {std::vector<Index>{4, 7, 3}, {5, 9, 6, 2}}) {
    const v1::TrainingSpec spec = LinearSpec("dtp");
    Trainee<double> trainee(spec, sizes);
    Forward(trainee);
    for (int k = 2; k <= trainee.network.num_layers(); ++k) {
      const Matrix<double>& w = trainee.network.weight(k).value;
      Matrix<double> xi(w.cols(), kWideBatch);
      trainee.noise.Fill(k - 1, 1, xi);
      const Matrix<double> h = trainee.pass.h[static_cast<size_t>(k) - 1] + spec.dtp().sigma() * xi;
      const Matrix<double> c = h * h.transpose() / static_cast<double>(kWideBatch);
      Matrix<double>& q = Find(trainee, absl::StrCat("Q", k)).value;
      q = c * w.transpose() * PseudoInverse(w * c * w.transpose());
      EXPECT_GT(LargestOf(q - PseudoInverse(w)), 1e-3);
    }
    ComputeFeedback(trainee, trainee.noise);
    for (int k = 2; k <= trainee.network.num_layers(); ++k) {
      EXPECT_LT(LargestOf(Find(trainee, absl::StrCat("Q", k)).gradient), 1e-10) << k;
    }
    // Activities that are nothing but white noise: C = sigma^2 I.
    for (auto& h : trainee.pass.h) h.setZero();
    WhiteNoise noise;
    for (int k = 2; k <= trainee.network.num_layers(); ++k) {
      Find(trainee, absl::StrCat("Q", k)).value = PseudoInverse(trainee.network.weight(k).value);
    }
    ComputeFeedback(trainee, noise);
    for (int k = 2; k <= trainee.network.num_layers(); ++k) {
      EXPECT_LT(LargestOf(Find(trainee, absl::StrCat("Q", k)).gradient), 1e-12) << k;
    }
  }
}

// Square invertible layers, g_k their exact inverses: from the target of one layer the
// network goes through the targets of those above.
TEST(FeedbackIdentities, I11TargetsOfExactInversesLieOnOnePassOfTheNetwork) {
  for (const std::string rule : {"dtp", "dtpdrl"}) {
    for (const Index width : {2, 3, 5}) {
      Trainee<double> trainee(LinearSpec(rule), {width, width, width, width});
      for (int l = 1; l <= 3; ++l) {
        trainee.network.bias(l)->value =
            RandomMatrix<double>(width, 1, 40 + static_cast<uint64_t>(l));
      }
      for (auto& parameter : trainee.rule->feedback_parameters()) {
        const Matrix<double> inverse = trainee.network.weight(parameter.layer).value.inverse();
        parameter.value =
            parameter.name[0] == 'Q'
                ? inverse
                : Matrix<double>(-inverse * trainee.network.bias(parameter.layer)->value);
      }
      Forward(trainee);
      trainee.rule->ComputeUpdate(trainee.network, trainee.pass);
      const Pass<double>& pass = trainee.pass;
      for (int l = 2; l <= 3; ++l) {
        const auto at = static_cast<size_t>(l);
        Matrix<double> a(width, kWideBatch);
        trainee.network.AffineLayer(l, pass.target(at - 1), a);
        EXPECT_LT(LargestOf(a - pass.target(at)), 1e-10) << rule;
        EXPECT_GT(LargestOf(pass.target(at) - pass.h[at]), 1e-5) << rule;
      }
    }
  }
}

// E over xi of the gradient of the difference reconstruction loss of a linear
// network is 2/n (Q J - I) J^T, J = d a_L / d h_i.
TEST(FeedbackIdentities, I13TheMeanFeedbackGradientIsTheExpectedOne) {
  v1::TrainingSpec spec = SpecOfRule("ddtp_linear");
  spec.mutable_network()->set_activation(v1::ACTIVATION_LINEAR);
  constexpr Index kBatch = 500;
  constexpr int kDraws = 200;
  Trainee<double> trainee(spec, {4, 6, 5, 3});
  trainee.Evaluate(RandomMatrix<double>(4, kBatch, 1), RandomTargets<double>(3, kBatch, 2));
  const Matrix<double> jacobians[] = {
      trainee.network.weight(3).value * trainee.network.weight(2).value,
      trainee.network.weight(3).value};
  std::vector<Matrix<double>> sum(2), sum_of_squares(2);
  for (int draw = 0; draw < kDraws; ++draw) {
    trainee.noise.set_step(static_cast<uint64_t>(draw));
    trainee.rule->ComputeFeedbackUpdate(trainee.network, trainee.pass, trainee.noise,
                                        trainee.feedback_losses);
    for (size_t i = 0; i < 2; ++i) {
      const Matrix<double>& g = trainee.rule->feedback_parameters()[i].gradient;
      if (draw == 0) sum[i] = sum_of_squares[i] = Matrix<double>::Zero(g.rows(), g.cols());
      sum[i] += g;
      sum_of_squares[i] += g.cwiseProduct(g);
    }
  }
  for (size_t i = 0; i < 2; ++i) {
    const Matrix<double>& q = trainee.rule->feedback_parameters()[i].value;
    const Matrix<double>& jacobian = jacobians[i];
    const Matrix<double> expected = 2.0 / static_cast<double>(q.rows()) *
                                    (q * jacobian - Matrix<double>::Identity(q.rows(), q.rows())) *
                                    jacobian.transpose();
    const Eigen::ArrayXXd mean = sum[i].array() / kDraws;
    const Eigen::ArrayXXd standard_error =
        ((sum_of_squares[i].array() / kDraws - mean.square()) / kDraws).sqrt();
    EXPECT_TRUE(((mean - expected.array()).abs() < 5 * standard_error).all());
    EXPECT_LT(standard_error.maxCoeff(), 0.02 * expected.cwiseAbs().maxCoeff());
  }
}

}  // namespace
}  // namespace tpsweep::trainer
