// The feedback losses against their definitions in the fact sheet of [TF], written once
// more in plain Eigen: I8 and the reconstruction losses.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

constexpr Index kBatch = 7;

void ExpectNear(const Matrix<double>& a, const Matrix<double>& b, const std::string& what) {
  EXPECT_LT((a - b).cwiseAbs().maxCoeff(), 1e-8 * (1 + b.cwiseAbs().maxCoeff())) << what;
}

// After one step of {4, 6, 5, 3}: two hidden layers; random biases everywhere.
Trainee<double> Trained(const v1::TrainingSpec& spec, std::vector<Index> sizes = {4, 6, 5, 3}) {
  Trainee<double> trainee(spec, sizes);
  uint64_t key = 100;
  for (const auto parameters :
       {trainee.network.parameters(), trainee.rule->feedback_parameters()}) {
    for (auto& parameter : parameters) {
      if (parameter.value.cols() > 1) continue;
      parameter.value = 0.3 * RandomMatrix<double>(parameter.value.rows(), 1, ++key);
    }
  }
  trainee.ComputeGradients(RandomMatrix<double>(sizes.front(), kBatch, 1),
                           RandomTargets<double>(sizes.back(), kBatch, 2));
  return trainee;
}

Matrix<double> Xi(Trainee<double>& trainee, int layer) {
  Matrix<double> xi(trainee.network.size(layer), kBatch);
  trainee.noise.set_step(0);
  trainee.noise.Fill(layer, 1, xi);
  return xi;
}

const Parameter<double>& Find(Trainee<double>& trainee, const std::string& name) {
  for (const auto& parameter : trainee.rule->feedback_parameters()) {
    if (parameter.name == name) return parameter;
  }
  ADD_FAILURE() << "no parameter " << name;
  return trainee.rule->feedback_parameters()[0];
}

// a[L] from an activity of layer `layer`, through tanh layers.
Matrix<double> OutputFrom(Trainee<double>& trainee, int layer, Matrix<double> activity) {
  for (int l = layer + 1;; ++l) {
    Matrix<double> a = trainee.network.weight(l).value * activity;
    if (trainee.network.bias(l) != nullptr) a.colwise() += trainee.network.bias(l)->value.col(0);
    if (l == trainee.network.num_layers()) return a;
    activity = a.array().tanh();
  }
}

Matrix<double> Stack(const Matrix<double>& top, const Matrix<double>& bottom) {
  Matrix<double> both(top.rows() + bottom.rows(), top.cols());
  both << top, bottom;
  return both;
}

// tanh(w u + b).
Matrix<double> TanhLayer(const Matrix<double>& w, const Matrix<double>& b,
                         const Matrix<double>& u) {
  return ((w * u).colwise() + b.col(0)).array().tanh();
}

// I8, for a path tanh(Q phi + d): r = sigma xi - (g~ - g),
//   dQ = -2/(sigma^2 B n) sum [(r * t'(z~)) phi~^T - (r * t'(z)) phi^T], d alike.
void ExpectI8(const Parameter<double>& q, const Parameter<double>& d, double loss, double sigma,
              const Matrix<double>& sigma_xi, const Matrix<double>& phi_corrupted,
              const Matrix<double>& phi) {
  const Matrix<double> g_corrupted = TanhLayer(q.value, d.value, phi_corrupted);
  const Matrix<double> g = TanhLayer(q.value, d.value, phi);
  const Matrix<double> r = sigma_xi - (g_corrupted - g);
  const double scale = 1 / (sigma * sigma * static_cast<double>(r.size()));
  EXPECT_NEAR(loss, scale * r.squaredNorm(), 1e-9) << q.name;
  const Matrix<double> dz_corrupted = r.array() * (1 - g_corrupted.array().square());
  const Matrix<double> dz = r.array() * (1 - g.array().square());
  ExpectNear(q.gradient,
             -2 * scale * (dz_corrupted * phi_corrupted.transpose() - dz * phi.transpose()),
             q.name);
  ExpectNear(d.gradient, -2 * scale * (dz_corrupted - dz).rowwise().sum(), d.name);
}

// mean((g(f(h + sigma xi)) - (h + sigma xi))^2) / max(sigma, 0.02)^2, in plain Eigen.
TEST(FeedbackLoss, OfDtpIsTheReconstructionLoss) {
  for (const double sigma : {0.1, 0.005}) {
    v1::TrainingSpec spec = SpecOfRule("dtp");
    spec.mutable_dtp()->set_sigma(sigma);
    Trainee<double> trainee(spec, {4, 6, 5, 3});
    trainee.ComputeGradients(RandomMatrix<double>(4, 7, 1), RandomTargets<double>(3, 7, 2));
    ASSERT_EQ(trainee.feedback_losses.size(), 2u);
    for (int k = 2; k <= 3; ++k) {
      const Matrix<double>& h = trainee.pass.h[static_cast<size_t>(k) - 1];
      Matrix<double> xi(h.rows(), h.cols());
      trainee.noise.set_step(0);
      trainee.noise.Fill(k - 1, 1, xi);
      const Matrix<double> corrupted = h + sigma * xi;
      Matrix<double> f = trainee.network.weight(k).value * corrupted;
      if (k < 3) f = f.array().tanh();
      const Matrix<double>& q =
          trainee.rule->feedback_parameters()[2 * static_cast<size_t>(k - 2)].value;
      const Matrix<double> g = (q * f).array().tanh();
      const double scale = std::max(sigma, 0.02);
      EXPECT_NEAR(trainee.feedback_losses[static_cast<size_t>(k) - 2],
                  (g - corrupted).squaredNorm() / (scale * scale * static_cast<double>(h.size())),
                  1e-9);
    }
  }
}

// I8 with a linear path: mean((sigma xi - Q (a_L(h + sigma xi) - a_L))^2) / sigma^2 and its
// gradient -2/(sigma^2 B n) sum r (phi~ - phi)^T.
TEST(FeedbackLoss, OfDdtpLinearIsTheDifferenceReconstructionLoss) {
  v1::TrainingSpec spec = SpecOfRule("ddtp_linear");
  spec.mutable_network()->set_output_activation(v1::ACTIVATION_SIGMOID);
  spec.set_loss(v1::LOSS_MSE);
  const double sigma = spec.ddtp_linear().sigma();
  Trainee<double> trainee(spec, {4, 6, 5, 3});
  trainee.ComputeGradients(RandomMatrix<double>(4, 7, 1), RandomTargets<double>(3, 7, 2));
  ASSERT_EQ(trainee.feedback_losses.size(), 2u);
  for (int i = 1; i <= 2; ++i) {
    const Matrix<double>& h = trainee.pass.h[static_cast<size_t>(i)];
    Matrix<double> xi(h.rows(), h.cols());
    trainee.noise.set_step(0);
    trainee.noise.Fill(i, 1, xi);
    Matrix<double> activity = h + sigma * xi;
    if (i == 1) activity = (trainee.network.weight(2).value * activity).array().tanh().matrix();
    const Matrix<double> phi = trainee.network.weight(3).value * activity;  // biases are 0
    const Matrix<double> difference = phi - trainee.pass.a[3];
    const Parameter<double>& q = trainee.rule->feedback_parameters()[static_cast<size_t>(i) - 1];
    const Matrix<double> r = sigma * xi - q.value * difference;
    const double scale = 1 / (sigma * sigma * static_cast<double>(r.size()));
    EXPECT_NEAR(trainee.feedback_losses[static_cast<size_t>(i) - 1], scale * r.squaredNorm(), 1e-9);
    ExpectNear(q.gradient, -2 * scale * r * difference.transpose(), q.name);
  }
}

// I8 through the random layer, with and without the layer's own activity; the path to the
// last hidden layer goes straight.
TEST(FeedbackLoss, OfDdtpRhlIsTheDifferenceReconstructionLoss) {
  for (const std::string rule : {"ddtp_rhl", "ddtp_rhl_rec"}) {
    const v1::TrainingSpec spec = SpecOfRule(rule);
    Trainee<double> trainee = Trained(spec, {4, 6, 5, 4, 3});
    const double sigma = spec.ddtp_rhl().sigma();
    ASSERT_EQ(trainee.feedback_losses.size(), 3u);
    const Matrix<double>& a = trainee.pass.a.back();
    const Matrix<double>&r_matrix = Find(trainee, "R").value, &r_bias = Find(trainee, "r").value;
    for (int i = 1; i <= 3; ++i) {
      const Matrix<double>& h = trainee.pass.h[static_cast<size_t>(i)];
      const Matrix<double> sigma_xi = sigma * Xi(trainee, i);
      Matrix<double> phi_corrupted = OutputFrom(trainee, i, h + sigma_xi);
      Matrix<double> phi = a;
      if (i < 3) {
        phi_corrupted = TanhLayer(r_matrix, r_bias, phi_corrupted);
        phi = TanhLayer(r_matrix, r_bias, phi);
        if (rule == "ddtp_rhl_rec") {
          phi_corrupted = Stack(phi_corrupted, h);
          phi = Stack(phi, h);
        }
      }
      ExpectI8(Find(trainee, absl::StrCat("Q", i)), Find(trainee, absl::StrCat("d", i)),
               trainee.feedback_losses[static_cast<size_t>(i) - 1], sigma, sigma_xi, phi_corrupted,
               phi);
    }
  }
}

TEST(FeedbackLoss, OfMultilayerPathsIsTheDifferenceReconstructionLoss) {
  const v1::TrainingSpec spec = SpecOfRule("ddtp_mlp");
  Trainee<double> trainee = Trained(spec);
  const double sigma = spec.ddtp_linear().sigma();
  const auto path = [&](const Matrix<double>& y) {
    Matrix<double> u = Stack(y, trainee.pass.h[1]);
    for (const char* step : {"1.1", "1.2", "1.3"}) {
      u = TanhLayer(Find(trainee, absl::StrCat("Q", step)).value,
                    Find(trainee, absl::StrCat("d", step)).value, u);
    }
    return u;
  };
  const Matrix<double> sigma_xi = sigma * Xi(trainee, 1);
  const Matrix<double> r = sigma_xi - (path(OutputFrom(trainee, 1, trainee.pass.h[1] + sigma_xi)) -
                                       path(trainee.pass.a.back()));
  EXPECT_NEAR(trainee.feedback_losses[0],
              r.squaredNorm() / (sigma * sigma * static_cast<double>(r.size())), 1e-9);
  // The last hidden layer's path is one matrix without bias, as the layer has none.
  EXPECT_EQ(Find(trainee, "Q2").value.cols(), 3);
  EXPECT_EQ(trainee.rule->feedback_parameters().size(), 7u);
}

// I8 with hc[k] and h[k] for phi: back down the differenced chain.
TEST(FeedbackLoss, OfDtpdrlIsTheDifferenceReconstructionLossOfTheChain) {
  v1::TrainingSpec spec = SpecOfRule("dtpdrl");
  spec.mutable_network()->set_output_activation(v1::ACTIVATION_SIGMOID);
  spec.set_loss(v1::LOSS_MSE);
  const double sigma = spec.dtpdrl().sigma();
  Trainee<double> trainee = Trained(spec, {4, 6, 5, 4, 3});
  ASSERT_EQ(trainee.feedback_losses.size(), 3u);
  const auto g = [&](int l, const Matrix<double>& y) {
    return TanhLayer(Find(trainee, absl::StrCat("Q", l)).value,
                     Find(trainee, absl::StrCat("d", l)).value, y);
  };
  for (int k = 2; k <= 4; ++k) {
    const auto at = static_cast<size_t>(k);
    const Matrix<double> sigma_xi = sigma * Xi(trainee, k - 1);
    Matrix<double> corrupted = OutputFrom(trainee, k - 1, trainee.pass.h[at - 1] + sigma_xi);
    corrupted = 1 / (1 + (-corrupted.array()).exp());
    for (int l = 4; l > k; --l) {
      const auto above = static_cast<size_t>(l);
      corrupted = trainee.pass.h[above - 1] + (g(l, corrupted) - g(l, trainee.pass.h[above]));
    }
    ExpectI8(Find(trainee, absl::StrCat("Q", k)), Find(trainee, absl::StrCat("d", k)),
             trainee.feedback_losses[at - 2], sigma, sigma_xi, corrupted, trainee.pass.h[at]);
  }
}

// mean((Q a_L(h + sigma xi) + d - (h + sigma xi))^2), not divided by sigma^2.
TEST(FeedbackLoss, OfDdtpControlIsThePlainReconstructionLoss) {
  v1::TrainingSpec spec = SpecOfRule("ddtp_control");
  spec.mutable_network()->set_output_activation(v1::ACTIVATION_SIGMOID);
  spec.set_loss(v1::LOSS_MSE);
  Trainee<double> trainee = Trained(spec);
  ASSERT_EQ(trainee.feedback_losses.size(), 2u);
  for (int i = 1; i <= 2; ++i) {
    const Matrix<double> corrupted =
        trainee.pass.h[static_cast<size_t>(i)] + spec.ddtp_control().sigma() * Xi(trainee, i);
    const Matrix<double> a = OutputFrom(trainee, i, corrupted);
    const auto &q = Find(trainee, absl::StrCat("Q", i)), &d = Find(trainee, absl::StrCat("d", i));
    const Matrix<double> r = ((q.value * a).colwise() + d.value.col(0)) - corrupted;
    const double scale = 1 / static_cast<double>(r.size());
    EXPECT_NEAR(trainee.feedback_losses[static_cast<size_t>(i) - 1], scale * r.squaredNorm(), 1e-9);
    ExpectNear(q.gradient, 2 * scale * r * a.transpose(), q.name);
    ExpectNear(d.gradient, 2 * scale * r.rowwise().sum(), d.name);
  }
}

}  // namespace
}  // namespace tpsweep::trainer
