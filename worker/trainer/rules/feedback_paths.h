// Trained direct feedback paths of any depth, one to each hidden layer: what ddtp_rhl
// and ddtp_mlp share.
//
//   B batch, n_i width of hidden layer i, m_i width of what its path reads, sigma noise
//   y      (m_i, B)   what the path reads: the output, or a function of it
//   u[0]              y, or with recurrent input [y; h[i]], h[i] never corrupted
//   Q[i].j, d[i].j    weights and biases of step j = 1..K of the path
//   z[j] = Q[i].j u[j-1] + d[i].j,   u[j] = p(z[j]) for j < K,   g_i(y) = t(z[K])
//
// Target, from y(T) at the target of the output and y at the output:
//   D[i] = g_i(y(T)) - g_i(y),   T[i] = h[i] + D[i]
// Difference reconstruction loss, from y(c) at the end of the pass that began with
// h[i] + sigma xi:
//   r = sigma xi - (g_i(y(c)) - g_i(y)),   loss = mean(r^2) / sigma^2
//   dg(c) = -2/(sigma^2 B n_i) r,   dg = -dg(c)
// and from there back through both evaluations of the path, by the chain rule.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "worker/trainer/activation.h"
#include "worker/trainer/network.h"
#include "worker/trainer/scratch.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// A path without a bias at the end has none there because it would cancel, or by decree.
struct FeedbackPathShape {
  int layer = 0;              // i
  std::vector<Index> widths;  // m_i, those of the hidden layers, n_i
  bool is_recurrent = false;
  bool has_hidden_bias = false;
  bool has_last_bias = false;
};

template <class S>
class FeedbackPaths {
 public:
  // `hidden` is p and `last` is t.
  FeedbackPaths(Activation hidden, Activation last) : hidden_(hidden), last_(last) {}

  // Paths are added in the order of their layers, from 1.
  void AddPath(const FeedbackPathShape& shape, const v1::Network& spec, uint64_t seed);
  // A parameter that this class does nothing with.
  void AddParameter(Parameter<S> parameter) { parameters_.push_back(std::move(parameter)); }

  absl::Span<Parameter<S>> parameters() { return absl::MakeSpan(parameters_); }

  // D[i] and T[i] of `pass`, which have their shapes. Exactly D = 0 for equal y.
  void SetTarget(int i, const ConstMatrixRef<S>& y_target, const ConstMatrixRef<S>& y,
                 Pass<S>& pass);

  // The loss of path i; sets the gradients of its parameters. has_clean: the last SetTarget had
  // the same y, pass and parameters, and what it found of y is used again.
  double Reconstruct(int i, double sigma, const ConstMatrixRef<S>& sigma_xi,
                     const ConstMatrixRef<S>& y_corrupted, const ConstMatrixRef<S>& y,
                     bool has_clean, const Pass<S>& pass);

 private:
  struct Path {
    FeedbackPathShape shape;
    std::vector<int> weight_at, bias_at;  // index j - 1 into parameters_; -1: none
    // Index j; twice the B columns, the right half for the evaluation at y. Kept, so that
    // steps do not allocate.
    std::vector<Matrix<S>> z, u;
  };

  // The B columns `u` of u[0], from what the path reads.
  static void SetInput(const Path& path, const ConstMatrixRef<S>& y, const Matrix<S>& h,
                       MatrixRef<S> u);
  // All z and u, at another input and, unless that is there, at y.
  void Evaluate(Path& path, const ConstMatrixRef<S>& other, const ConstMatrixRef<S>& y,
                bool has_clean, const Matrix<S>& h);
  // The gradients of steps 1..j, from d loss / d u[j], which becomes d loss / d z[j].
  void Backpropagate(Path& path, size_t j, MatrixRef<S> d);

  const Matrix<S>* BiasOf(const Path& path, size_t j) const {
    return path.bias_at[j - 1] < 0 ? nullptr
                                   : &parameters_[static_cast<size_t>(path.bias_at[j - 1])].value;
  }
  const Activation& ActivationOf(const Path& path, size_t j) const {
    return j == path.weight_at.size() ? last_ : hidden_;
  }

  Activation hidden_, last_;
  std::vector<Parameter<S>> parameters_;
  std::vector<Path> paths_;  // index i - 1
  // Of one path after the other.
  Scratch<S> residual_;  // (n_i, B)
  Scratch<S> d_[2];      // (n, 2 B) d loss / d u[j] and u[j-1]
};

}  // namespace tpsweep::trainer
