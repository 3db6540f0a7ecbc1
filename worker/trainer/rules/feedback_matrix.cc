#include "worker/trainer/rules/feedback_matrix.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/rules/smoothed_abscissa.h"

namespace tpsweep::trainer {
namespace {

Matrix<double> Uniform(Index rows, Index cols, double bound, uint64_t key) {
  RandomStream random(key);
  Matrix<double> draws(rows, cols);
  for (Index i = 0; i < draws.size(); ++i) {
    draws.data()[i] = bound * (2 * random.NextUniform() - 1);
  }
  return draws;
}

template <class S>
Parameter<S> Fixed(std::string name, int layer, Matrix<S> value) {
  Parameter<S> parameter = MakeParameter(std::move(name), layer, std::move(value));
  parameter.is_fixed = true;
  return parameter;
}

}  // namespace

template <class S>
FeedbackMatrices<S> MakeFeedbackMatrices(const v1::FeedbackMatrix& spec, const v1::Ssa& ssa,
                                         const Network<S>& network, uint64_t seed) {
  FeedbackMatrices<S> result;
  for (int l = 2; l <= network.num_layers(); ++l) {
    const Matrix<S>& w = network.weight(l).value;
    const std::string name = absl::StrCat("B", l);
    if (spec.kind() == v1::FEEDBACK_KIND_NEGATIVE_TRANSPOSE) {
      result.matrices.push_back(Fixed<S>(name, l, w.transpose() * static_cast<S>(-spec.scale())));
      continue;
    }
    Matrix<double> draws =
        Uniform(w.cols(), w.rows(), spec.bound(), DeriveSeed(seed, static_cast<uint64_t>(l)));
    if (spec.kind() == v1::FEEDBACK_KIND_OPTIMISED && result.why_infeasible.empty()) {
      const Matrix<double> chain = w.template cast<double>();
      const std::string why =
          w.rows() > w.cols()
              ? absl::StrCat("dynamics without leak are never stable where a layer (of ", w.rows(),
                             " units) is wider than the one below (", w.cols(),
                             "); use another feedback.kind")
              : Stabilise(ssa, {&chain}, /*alpha=*/0, draws);
      if (!why.empty()) {
        result.why_infeasible = absl::StrCat("layer ", l, ": no optimised feedback matrix: ", why);
      }
    }
    result.matrices.push_back(Fixed<S>(name, l, draws.cast<S>()));
  }
  return result;
}

template <class S>
FeedbackMatrices<S> MakeSingleLoopMatrix(const v1::FeedbackMatrix& spec, const v1::Ssa& ssa,
                                         const Network<S>& network, uint64_t seed) {
  FeedbackMatrices<S> result = MakeFeedbackMatrices(spec, ssa, network, seed);
  if (result.matrices.empty()) return result;
  Matrix<S> product = result.matrices.front().value;
  for (size_t i = 1; i < result.matrices.size(); ++i) {
    const Matrix<S>& b = result.matrices[i].value;
    Matrix<S> next(product.rows(), b.cols());
    Gemm<S>(Transpose::kNo, product, Transpose::kNo, b, -1, 0, next);
    product = std::move(next);
  }
  result.matrices.clear();
  result.matrices.push_back(Fixed<S>("B_sldi", network.num_layers(), std::move(product)));
  return result;
}

template FeedbackMatrices<float> MakeFeedbackMatrices(const v1::FeedbackMatrix&, const v1::Ssa&,
                                                      const Network<float>&, uint64_t);
template FeedbackMatrices<double> MakeFeedbackMatrices(const v1::FeedbackMatrix&, const v1::Ssa&,
                                                       const Network<double>&, uint64_t);
template FeedbackMatrices<float> MakeSingleLoopMatrix(const v1::FeedbackMatrix&, const v1::Ssa&,
                                                      const Network<float>&, uint64_t);
template FeedbackMatrices<double> MakeSingleLoopMatrix(const v1::FeedbackMatrix&, const v1::Ssa&,
                                                       const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
