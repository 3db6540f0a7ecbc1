#include "worker/trainer/network.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "worker/trainer/affine.h"
#include "worker/trainer/initialiser.h"

namespace tpsweep::trainer {

template <class S>
Network<S>::Network(const v1::Network& spec, absl::Span<const Index> sizes,
                    absl::Span<const int> layers_without_bias, uint64_t seed)
    : sizes_(sizes.begin(), sizes.end()),
      activations_(sizes.size(), HiddenActivation(spec)),
      weight_at_(sizes.size(), -1),
      bias_at_(sizes.size(), -1) {
  activations_.back() = OutputActivation(spec);
  for (int l = 1; l <= num_layers(); ++l) {
    Matrix<S> weights(size(l), size(l - 1));
    Initialise(spec.initialiser(), DeriveSeed(seed, static_cast<uint64_t>(l)), weights);
    weight_at_[static_cast<size_t>(l)] = static_cast<int>(parameters_.size());
    parameters_.push_back(MakeParameter(absl::StrCat("W", l), l, std::move(weights)));
    if (!spec.bias() || absl::c_linear_search(layers_without_bias, l)) continue;
    bias_at_[static_cast<size_t>(l)] = static_cast<int>(parameters_.size());
    parameters_.push_back(MakeParameter<S>(absl::StrCat("b", l), l, Matrix<S>::Zero(size(l), 1)));
  }
}

template <class S>
Parameter<S>* Network<S>::bias(int l) {
  const int at = bias_at_[static_cast<size_t>(l)];
  return at < 0 ? nullptr : &parameters_[static_cast<size_t>(at)];
}

template <class S>
const Parameter<S>* Network<S>::bias(int l) const {
  return const_cast<Network*>(this)->bias(l);
}

template <class S>
void Network<S>::Forward(const ConstMatrixRef<S>& x, Pass<S>& pass) const {
  const size_t count = sizes_.size();
  pass.a.resize(count);
  pass.h.resize(count);
  pass.h[0] = x;
  for (size_t l = 1; l < count; ++l) {
    pass.a[l].resize(sizes_[l], x.cols());
    pass.h[l].resize(sizes_[l], x.cols());
    ForwardLayer(static_cast<int>(l), pass.h[l - 1], pass.a[l], pass.h[l]);
  }
}

template <class S>
void Network<S>::ForwardLayer(int l, const ConstMatrixRef<S>& h_below, MatrixRef<S> a,
                              MatrixRef<S> h) const {
  const Parameter<S>* b = bias(l);
  AffineMap<S>(weight(l).value, b == nullptr ? nullptr : &b->value, h_below, a);
  Apply<S>(activation(l), a, h);
}

template class Network<float>;
template class Network<double>;

}  // namespace tpsweep::trainer
