// A feed-forward network of dense and convolutional layers, and the record of a
// pass through it.
//
// Layers are numbered 1..L, as in the papers:
//   a[l] = W[l] h[l-1] + b[l],   h[l] = s_l(a[l]),   h[0] = x.
// In a convolutional layer W[l] holds the kernels, and a[l] is the convolution plus
// bias, max-pooled (conv.h): a and h have the same shape in every layer, and
// everything above the network sees vectors of n_l units only.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/training/layer_shapes.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/activation.h"
#include "worker/trainer/conv.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Index 0 of a and displacement is not used. Buffers keep their memory between passes.
template <class S>
struct Pass {
  std::vector<Matrix<S>> a;  // (n_l, B) pre-activations, l = 1..L
  std::vector<Matrix<S>> h;  // (n_l, B) activities, l = 0..L
  // (n_l, B) T[l] - h[l], T[l] the target of h[l], l = 1..L; computed without forming the
  // difference of near equals. Empty for rules without targets.
  std::vector<Matrix<S>> displacement;
  std::vector<Matrix<S>> delta;  // (n_l, B) d (loss of the rule) / d a[l], l = 1..L
  Matrix<S> output_error;        // (n_L, B) e = d loss / d h[L]; holds the 1/B of the mean
  // Of convolutional layers with a max-pool: where in the map before it each unit of
  // a came from.
  std::vector<PoolOrigins> pool_origin;
  int64_t number = 0;  // of this forward pass among those that were made here

  // T[l]: the updates need the displacements alone.
  Matrix<S> target(size_t l) const { return h[l] + displacement[l]; }
};

template <class S>
class Network {
 public:
  // `shapes`: of the layers 0..L; `spec` gives activations, initialiser and whether
  // there are biases. Initial weights are drawn from `seed`, a stream of its own for
  // each layer; biases start at 0.
  Network(const v1::Network& spec, std::vector<LayerShape> shapes,
          absl::Span<const int> layers_without_bias, uint64_t seed);
  // Dense layers of the widths n_0..n_L.
  Network(const v1::Network& spec, absl::Span<const Index> sizes,
          absl::Span<const int> layers_without_bias, uint64_t seed);

  int num_layers() const { return static_cast<int>(shapes_.size()) - 1; }  // L
  const LayerShape& shape(int l) const { return shapes_[static_cast<size_t>(l)]; }
  Index size(int l) const { return shape(l).size(); }  // n_l
  bool is_conv(int l) const { return shape(l).conv.has_value(); }
  // Units of h[l-1] that a dense layer reads, the first ones.
  Index num_inputs(int l) const { return shape(l).inputs; }
  // What a dense layer reads, (num_inputs(l), B).
  auto input(int l, const Pass<S>& pass) const {
    return pass.h[static_cast<size_t>(l) - 1].topRows(num_inputs(l));
  }
  const Activation& activation(int l) const { return activations_[static_cast<size_t>(l)]; }

  Parameter<S>& weight(int l) {
    return parameters_[static_cast<size_t>(weight_at_[static_cast<size_t>(l)])];
  }
  const Parameter<S>& weight(int l) const {
    return parameters_[static_cast<size_t>(weight_at_[static_cast<size_t>(l)])];
  }
  // Null for a layer without bias.
  Parameter<S>* bias(int l);
  const Parameter<S>* bias(int l) const;

  // W1, b1, W2, ... in order of layer.
  absl::Span<Parameter<S>> parameters() { return absl::MakeSpan(parameters_); }
  absl::Span<const Parameter<S>> parameters() const { return parameters_; }

  // Fills pass.h[0] = x, pass.a and pass.h of every layer.
  void Forward(const ConstMatrixRef<S>& x, Pass<S>& pass) const;
  // From the inputs that are in pass.h[0] already.
  void Forward(Pass<S>& pass) const;

  // One layer alone, on any number of columns: a = W[l] h_below + b[l], h = s_l(a).
  // `a` and `h` may be the same memory.
  void ForwardLayer(int l, const ConstMatrixRef<S>& h_below, MatrixRef<S> a, MatrixRef<S> h) const;
  // The linear half of it: a alone.
  void AffineLayer(int l, const ConstMatrixRef<S>& h_below, MatrixRef<S> a) const;

  // From delta = d loss / d a[l] (n_l, B) at the point of `pass`: the gradients of
  // W[l] and, unless null, of b[l].
  void LayerGradient(int l, const ConstMatrixRef<S>& delta, const Pass<S>& pass, Matrix<S>& grad_w,
                     Matrix<S>* grad_b) const;
  // The same, into the parameters' own gradients.
  void SetLayerGradient(int l, const ConstMatrixRef<S>& delta, const Pass<S>& pass);

  // dh_below = (d a[l] / d h[l-1])^T delta. Both may have several times the B columns
  // of `pass`: column j belongs to sample j mod B.
  void BackwardLayer(int l, const ConstMatrixRef<S>& delta, const Pass<S>& pass,
                     MatrixRef<S> dh_below) const;

 private:
  std::vector<LayerShape> shapes_;
  std::vector<Activation> activations_;  // index l; 0 is not used
  std::vector<Parameter<S>> parameters_;
  std::vector<int> weight_at_, bias_at_;  // index l into parameters_; -1: none
};

}  // namespace tpsweep::trainer
