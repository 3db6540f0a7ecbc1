#include "worker/trainer/rules/feedback_paths.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "worker/trainer/affine.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/initialiser.h"

namespace tpsweep::trainer {

template <class S>
void FeedbackPaths<S>::AddPath(const FeedbackPathShape& shape, const v1::Network& spec,
                               uint64_t seed) {
  const size_t depth = shape.widths.size() - 1;
  const uint64_t path_seed = DeriveSeed(seed, static_cast<uint64_t>(shape.layer));
  Path path;
  path.shape = shape;
  for (size_t j = 1; j <= depth; ++j) {
    // A path of one matrix has the plain names Q1, d1 and the stream of a linear rule.
    const std::string step = depth == 1 ? "" : absl::StrCat(".", j);
    const bool is_last = j == depth;
    const Index rows = shape.widths[j];
    Index cols = shape.widths[j - 1];
    if (j == 1 && shape.is_recurrent) cols += shape.widths.back();
    Matrix<S> weights(rows, cols);
    InitialiseFeedback(
        spec, depth == 1 ? path_seed : DeriveSeed(path_seed, static_cast<uint64_t>(j)), weights);
    path.weight_at.push_back(static_cast<int>(parameters_.size()));
    parameters_.push_back(
        MakeParameter(absl::StrCat("Q", shape.layer, step), shape.layer, std::move(weights)));
    path.bias_at.push_back(-1);
    if (!(is_last ? shape.has_last_bias : shape.has_hidden_bias)) continue;
    path.bias_at.back() = static_cast<int>(parameters_.size());
    parameters_.push_back(MakeParameter<S>(absl::StrCat("d", shape.layer, step), shape.layer,
                                           Matrix<S>::Zero(rows, 1)));
  }
  path.z.resize(depth + 1);
  path.u.resize(depth + 1);
  paths_.push_back(std::move(path));
}

template <class S>
void FeedbackPaths<S>::SetTarget(int i, const ConstMatrixRef<S>& y_target,
                                 const ConstMatrixRef<S>& y, Pass<S>& pass) {
  Path& path = paths_[static_cast<size_t>(i) - 1];
  const auto at = static_cast<size_t>(i);
  const Index batch = y.cols();
  Evaluate(path, y_target, y, /*has_clean=*/false, pass.h[at]);
  const Matrix<S>& g = path.u.back();
  Subtract<S>(g.leftCols(batch), g.rightCols(batch), pass.displacement[at]);
}

template <class S>
double FeedbackPaths<S>::Reconstruct(int i, double sigma, const ConstMatrixRef<S>& sigma_xi,
                                     const ConstMatrixRef<S>& y_corrupted,
                                     const ConstMatrixRef<S>& y, bool has_clean,
                                     const Pass<S>& pass) {
  Path& path = paths_[static_cast<size_t>(i) - 1];
  const Index batch = y.cols();
  Evaluate(path, y_corrupted, y, has_clean, pass.h[static_cast<size_t>(i)]);
  const Matrix<S>& g = path.u.back();
  MatrixRef<S> r = residual_.Get(g.rows(), batch);
  Subtract<S>(g.leftCols(batch), g.rightCols(batch), r);
  Subtract<S>(sigma_xi, r, r);
  const double scale = 1 / (sigma * sigma * static_cast<double>(r.size()));
  const double loss = scale * SumOfSquares<S>(r);
  const size_t last = path.u.size() - 1;
  MatrixRef<S> dg = d_[last % 2].Get(g.rows(), g.cols());
  Scale<S>(static_cast<S>(-2 * scale), r, dg.leftCols(batch));
  Scale<S>(static_cast<S>(2 * scale), r, dg.rightCols(batch));
  Backpropagate(path, last, dg);
  return loss;
}

template <class S>
void FeedbackPaths<S>::SetInput(const Path& path, const ConstMatrixRef<S>& y, const Matrix<S>& h,
                                MatrixRef<S> u) {
  u.topRows(y.rows()) = y;
  if (path.shape.is_recurrent) u.bottomRows(h.rows()) = h;
}

template <class S>
void FeedbackPaths<S>::Evaluate(Path& path, const ConstMatrixRef<S>& other,
                                const ConstMatrixRef<S>& y, bool has_clean, const Matrix<S>& h) {
  const Index batch = y.cols();
  const Index columns = has_clean ? batch : 2 * batch;
  path.u[0].resize(y.rows() + (path.shape.is_recurrent ? h.rows() : 0), 2 * batch);
  SetInput(path, other, h, path.u[0].leftCols(batch));
  if (!has_clean) SetInput(path, y, h, path.u[0].rightCols(batch));
  for (size_t j = 1; j < path.u.size(); ++j) {
    const Matrix<S>& weights = parameters_[static_cast<size_t>(path.weight_at[j - 1])].value;
    path.z[j].resize(weights.rows(), 2 * batch);
    path.u[j].resize(weights.rows(), 2 * batch);
    AffineMap<S>(weights, BiasOf(path, j), path.u[j - 1].leftCols(columns),
                 path.z[j].leftCols(columns));
    Apply<S>(ActivationOf(path, j), path.z[j].leftCols(columns), path.u[j].leftCols(columns));
  }
}

template <class S>
void FeedbackPaths<S>::Backpropagate(Path& path, size_t j, MatrixRef<S> d) {
  Parameter<S>& q = parameters_[static_cast<size_t>(path.weight_at[j - 1])];
  const int bias_at = path.bias_at[j - 1];
  MultiplyByDerivative<S>(ActivationOf(path, j), path.z[j], path.u[j], d);
  AffineGradient<S>(d, path.u[j - 1], q.gradient,
                    bias_at < 0 ? nullptr : &parameters_[static_cast<size_t>(bias_at)].gradient);
  if (j == 1) return;
  MatrixRef<S> below = d_[(j - 1) % 2].Get(q.value.cols(), d.cols());
  Gemm<S>(Transpose::kYes, q.value, Transpose::kNo, d, 1, 0, below);
  Backpropagate(path, j - 1, below);
}

template class FeedbackPaths<float>;
template class FeedbackPaths<double>;

}  // namespace tpsweep::trainer
