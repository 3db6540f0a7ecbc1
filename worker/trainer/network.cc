#include "worker/trainer/network.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "worker/trainer/affine.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/initialiser.h"

namespace tpsweep::trainer {

template <class S>
Network<S>::Network(const v1::Network& spec, absl::Span<const Index> sizes,
                    absl::Span<const int> layers_without_bias, uint64_t seed)
    : Network(spec, DenseShapes(sizes), layers_without_bias, seed) {}

template <class S>
Network<S>::Network(const v1::Network& spec, std::vector<LayerShape> shapes,
                    absl::Span<const int> layers_without_bias, uint64_t seed)
    : shapes_(std::move(shapes)),
      activations_(shapes_.size(), ActivationOf(spec.activation(), spec)),
      weight_at_(shapes_.size(), -1),
      bias_at_(shapes_.size(), -1) {
  activations_.back() = ActivationOf(spec.output_activation(), spec);
  for (int i = 0; i < spec.layers_size(); ++i) {
    const v1::Activation own = spec.layers(i).dense().activation();
    if (own == v1::ACTIVATION_UNSPECIFIED) continue;
    activations_[static_cast<size_t>(i) + 1] = ActivationOf(own, spec);
  }
  for (int l = 1; l <= num_layers(); ++l) {
    const auto& conv = shape(l).conv;
    const Index num_biases = conv ? conv->map.channels : size(l);
    Matrix<S> weights(num_biases, conv ? conv->patch_size() : num_inputs(l));
    // Each kernel has channels x kernel x kernel inputs and outputs.
    const Index fan_out = conv ? num_biases * conv->kernel * conv->kernel : num_biases;
    const int stream = spec.repeat_last_seed() && l == num_layers() && l > 1 ? l - 1 : l;
    Initialise(spec, DeriveSeed(seed, static_cast<uint64_t>(stream)), weights, fan_out);
    weight_at_[static_cast<size_t>(l)] = static_cast<int>(parameters_.size());
    parameters_.push_back(MakeParameter(absl::StrCat("W", l), l, std::move(weights)));
    if (!spec.bias() || absl::c_linear_search(layers_without_bias, l)) continue;
    bias_at_[static_cast<size_t>(l)] = static_cast<int>(parameters_.size());
    parameters_.push_back(
        MakeParameter<S>(absl::StrCat("b", l), l, Matrix<S>::Zero(num_biases, 1)));
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
  pass.h.resize(shapes_.size());
  pass.h[0] = x;
  Forward(pass);
}

template <class S>
void Network<S>::Forward(Pass<S>& pass) const {
  const size_t count = shapes_.size();
  const Index batch = pass.h[0].cols();
  pass.a.resize(count);
  pass.h.resize(count);
  pass.pool_origin.resize(count);
  ++pass.number;
  for (size_t i = 1; i < count; ++i) {
    const int l = static_cast<int>(i);
    pass.a[i].resize(size(l), batch);
    pass.h[i].resize(size(l), batch);
    if (is_conv(l)) {
      const Parameter<S>* b = bias(l);
      ConvForward<S>(*shape(l).conv, weight(l).value, b == nullptr ? nullptr : &b->value,
                     pass.h[i - 1], &pass.pool_origin[i], pass.a[i]);
    } else {
      AffineLayer(l, pass.h[i - 1], pass.a[i]);
    }
    Apply<S>(activation(l), pass.a[i], pass.h[i]);
  }
}

template <class S>
void Network<S>::ForwardLayer(int l, const ConstMatrixRef<S>& h_below, MatrixRef<S> a,
                              MatrixRef<S> h) const {
  AffineLayer(l, h_below, a);
  Apply<S>(activation(l), a, h);
}

template <class S>
void Network<S>::AffineLayer(int l, const ConstMatrixRef<S>& h_below, MatrixRef<S> a) const {
  const Parameter<S>* b = bias(l);
  const Matrix<S>* bias_value = b == nullptr ? nullptr : &b->value;
  if (!is_conv(l)) {
    return AffineMap<S>(weight(l).value, bias_value, h_below.topRows(num_inputs(l)), a);
  }
  ConvForward<S>(*shape(l).conv, weight(l).value, bias_value, h_below, /*where=*/nullptr, a);
}

template <class S>
void Network<S>::LayerGradient(int l, const ConstMatrixRef<S>& delta, const Pass<S>& pass,
                               Matrix<S>& grad_w, Matrix<S>* grad_b) const {
  const auto i = static_cast<size_t>(l);
  if (is_conv(l)) {
    ConvGradient<S>(*shape(l).conv, delta, pass.pool_origin[i], pass.h[i - 1], grad_w, grad_b);
  } else {
    AffineGradient<S>(delta, input(l, pass), grad_w, grad_b);
  }
}

template <class S>
void Network<S>::SetLayerGradient(int l, const ConstMatrixRef<S>& delta, const Pass<S>& pass) {
  Parameter<S>* b = bias(l);
  LayerGradient(l, delta, pass, weight(l).gradient, b == nullptr ? nullptr : &b->gradient);
}

template <class S>
void Network<S>::BackwardLayer(int l, const ConstMatrixRef<S>& delta, const Pass<S>& pass,
                               MatrixRef<S> dh_below) const {
  if (is_conv(l)) {
    ConvBackward<S>(*shape(l).conv, weight(l).value, delta,
                    pass.pool_origin[static_cast<size_t>(l)], dh_below);
  } else {
    Gemm<S>(Transpose::kYes, weight(l).value, Transpose::kNo, delta, 1, 0,
            dh_below.topRows(num_inputs(l)));
    dh_below.bottomRows(dh_below.rows() - num_inputs(l)).setZero();  // auxiliary units
  }
}

template class Network<float>;
template class Network<double>;

}  // namespace tpsweep::trainer
