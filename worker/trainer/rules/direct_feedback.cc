#include "worker/trainer/rules/direct_feedback.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/initialiser.h"
#include "worker/trainer/rules/local_update.h"

namespace tpsweep::trainer {
namespace {

// s^{-1}(s(a) + step) - a without the difference of near equals.
double InverseStep(v1::Activation output, double a, double step) {
  switch (output) {
    case v1::ACTIVATION_SIGMOID:  // log(y / (1-y)); 1 + exp(-+a) = 1/s(a), 1/(1-s(a))
      return std::log1p(step * (1 + std::exp(-a))) - std::log1p(-step * (1 + std::exp(a)));
    case v1::ACTIVATION_TANH: {  // log((1+y) / (1-y)) / 2; (1 + exp(-+2a)) / 2 = 1/(1+-s(a))
      const double up = step * (1 + std::exp(-2 * a)) / 2;
      const double down = step * (1 + std::exp(2 * a)) / 2;
      return (std::log1p(up) - std::log1p(-down)) / 2;
    }
    default:
      return step;
  }
}

}  // namespace

template <class S>
void SetPreactivationStep(const Network<S>& network, double eta, const Pass<S>& pass,
                          Matrix<S>& v) {
  const v1::Activation output = network.activation(network.num_layers()).kind;
  const Matrix<S>& a = pass.a.back();
  const Matrix<S>& e = pass.output_error;
  v.resize(e.rows(), e.cols());
  for (Index i = 0; i < e.size(); ++i) {
    v.data()[i] = static_cast<S>(InverseStep(output, static_cast<double>(a.data()[i]),
                                             -eta * static_cast<double>(e.data()[i])));
  }
}

template <class S>
std::vector<Parameter<S>> MakeOutputMatrices(const v1::Network& spec, const Network<S>& network,
                                             uint64_t seed) {
  std::vector<Parameter<S>> parameters;
  for (int i = 1; i < network.num_layers(); ++i) {
    Matrix<S> weights(network.size(i), network.size(network.num_layers()));
    InitialiseFeedback(spec, DeriveSeed(seed, static_cast<uint64_t>(i)), weights);
    parameters.push_back(MakeParameter(absl::StrCat("Q", i), i, std::move(weights)));
  }
  return parameters;
}

template <class S>
void SetLinearTargets(const Network<S>& network, double eta, absl::Span<const Parameter<S>> q,
                      Pass<S>& pass, Matrix<S>& v) {
  SetOutputTarget(eta, pass);
  SetPreactivationStep(network, eta, pass, v);
  for (size_t i = 1; i + 1 < pass.h.size(); ++i) {
    Gemm<S>(Transpose::kNo, q[i - 1].value, Transpose::kNo, v, 1, 0, pass.displacement[i]);
  }
}

template void SetPreactivationStep(const Network<float>&, double, const Pass<float>&,
                                   Matrix<float>&);
template void SetPreactivationStep(const Network<double>&, double, const Pass<double>&,
                                   Matrix<double>&);
template std::vector<Parameter<float>> MakeOutputMatrices(const v1::Network&, const Network<float>&,
                                                          uint64_t);
template std::vector<Parameter<double>> MakeOutputMatrices(const v1::Network&,
                                                           const Network<double>&, uint64_t);
template void SetLinearTargets(const Network<float>&, double, absl::Span<const Parameter<float>>,
                               Pass<float>&, Matrix<float>&);
template void SetLinearTargets(const Network<double>&, double, absl::Span<const Parameter<double>>,
                               Pass<double>&, Matrix<double>&);

}  // namespace tpsweep::trainer
