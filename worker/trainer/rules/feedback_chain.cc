#include "worker/trainer/rules/feedback_chain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "worker/trainer/affine.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/initialiser.h"
#include "worker/trainer/rules/local_update.h"

namespace tpsweep::trainer {

template <class S>
FeedbackChain<S>::FeedbackChain(const v1::Network& spec, Activation t, bool has_bias,
                                const Network<S>& network, uint64_t seed)
    : t_(t), has_bias_(has_bias) {
  for (int k = 2; k <= network.num_layers(); ++k) {
    Matrix<S> weights(network.size(k - 1), network.size(k));
    InitialiseFeedback(spec, DeriveSeed(seed, static_cast<uint64_t>(k)), weights);
    parameters_.push_back(MakeParameter(absl::StrCat("Q", k), k, std::move(weights)));
    if (!has_bias_) continue;
    parameters_.push_back(
        MakeParameter<S>(absl::StrCat("d", k), k, Matrix<S>::Zero(network.size(k - 1), 1)));
  }
}

template <class S>
void FeedbackChain<S>::Evaluate(int k, const ConstMatrixRef<S>& y, MatrixRef<S> z,
                                MatrixRef<S> g) const {
  const Parameter<S>* bias = d(k);
  AffineMap<S>(Q(k).value, bias == nullptr ? nullptr : &bias->value, y, z);
  Apply<S>(t_, z, g);
}

template <class S>
void FeedbackChain<S>::SetGradient(int k, const ConstMatrixRef<S>& dz, const ConstMatrixRef<S>& y) {
  Parameter<S>* bias = d(k);
  AffineGradient<S>(dz, y, Q(k).gradient, bias == nullptr ? nullptr : &bias->gradient);
}

template <class S>
void FeedbackChain<S>::SetTargets(double eta, Pass<S>& pass,
                                  absl::FunctionRef<Evaluation(int k)> clean) {
  SetOutputTarget(eta, pass);
  for (size_t above = pass.h.size() - 1; above >= 2; --above) {
    const int k = static_cast<int>(above);
    const size_t below = above - 1;
    const MatrixRef<S> target = target_.Get(pass.h[above].rows(), pass.h[above].cols());
    const MatrixRef<S> g_target = g_target_.Get(pass.h[below].rows(), pass.h[below].cols());
    Add<S>(pass.h[above], pass.displacement[above], target);
    Evaluate(k, target, g_target, g_target);
    const Evaluation at_h = clean(k);
    Evaluate(k, pass.h[above], at_h.z, at_h.g);
    Subtract<S>(g_target, at_h.g, pass.displacement[below]);
  }
}

template class FeedbackChain<float>;
template class FeedbackChain<double>;

}  // namespace tpsweep::trainer
