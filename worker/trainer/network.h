// A feed-forward network of dense layers, and the record of a pass through it.
//
// Layers are numbered 1..L, as in the papers:
//   a[l] = W[l] h[l-1] + b[l],   h[l] = s_l(a[l]),   h[0] = x.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/activation.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Index 0 of a and target is not used. Buffers keep their memory between passes.
template <class S>
struct Pass {
  std::vector<Matrix<S>> a;       // (n_l, B) pre-activations, l = 1..L
  std::vector<Matrix<S>> h;       // (n_l, B) activities, l = 0..L
  std::vector<Matrix<S>> target;  // (n_l, B) T[l], targets of h, l = 1..L; empty for rules without
  // (n_l, B) T[l] - h[l], computed without forming the difference of near equals.
  std::vector<Matrix<S>> displacement;
  std::vector<Matrix<S>> delta;  // (n_l, B) d (loss of the rule) / d a[l], l = 1..L
  Matrix<S> output_error;        // (n_L, B) e = d loss / d h[L]; holds the 1/B of the mean
};

template <class S>
class Network {
 public:
  // `sizes`: n_0..n_L. Initial weights are drawn from `seed`, a stream of its own
  // for each layer; biases start at 0.
  Network(const v1::Network& spec, absl::Span<const Index> sizes,
          absl::Span<const int> layers_without_bias, uint64_t seed);

  int num_layers() const { return static_cast<int>(sizes_.size()) - 1; }  // L
  Index size(int l) const { return sizes_[static_cast<size_t>(l)]; }      // n_l
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

  // One layer alone, on any number of columns: a = W[l] h_below + b[l], h = s_l(a).
  // `a` and `h` may be the same memory.
  void ForwardLayer(int l, const ConstMatrixRef<S>& h_below, MatrixRef<S> a, MatrixRef<S> h) const;

 private:
  std::vector<Index> sizes_;
  std::vector<Activation> activations_;  // index l; 0 is not used
  std::vector<Parameter<S>> parameters_;
  std::vector<int> weight_at_, bias_at_;  // index l into parameters_; -1: none
};

}  // namespace tpsweep::trainer
