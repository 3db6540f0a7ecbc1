#include "worker/trainer/loss.h"

#include <cmath>
#include <vector>

#include "worker/trainer/kernels.h"

namespace tpsweep::trainer {
namespace {

template <class Column>
Index ArgMax(const Column& column) {
  Index best = 0;
  for (Index i = 1; i < column.size(); ++i) {
    if (column(i) > column(best)) best = i;
  }
  return best;
}

// exps_j = exp(h_j - largest), and their sum. NaN stays NaN.
template <class Column>
double ExpAndSum(const Column& h, double largest, std::vector<double>& exps) {
  exps.resize(static_cast<size_t>(h.size()));
  for (size_t i = 0; i < exps.size(); ++i) {
    exps[i] = static_cast<double>(h(static_cast<Index>(i))) - largest;
  }
  GetKernels<double>().exp(exps.size(), exps.data(), exps.data());
  double sum = 0;
  for (const double exp : exps) sum += exp;
  return sum;
}

}  // namespace

template <class S>
void FillOneHot(absl::Span<const int> labels, double height, Matrix<S>& y) {
  y.setZero();
  for (size_t i = 0; i < labels.size(); ++i) {
    y(labels[i], static_cast<Index>(i)) = static_cast<S>(height);
  }
}

template <class S>
bool IsMisclassified(const Matrix<S>& h, const Matrix<S>& y, Index b) {
  return ArgMax(h.col(b).head(y.rows())) != ArgMax(y.col(b));
}

template <class S>
LossValue EvaluateLoss(v1::Loss kind, const Matrix<S>& h, const Matrix<S>& y,
                       Matrix<S>* output_error) {
  const Index num_targets = y.rows();
  const Index batch = h.cols();
  const double scale =
      1.0 / static_cast<double>(kind == v1::LOSS_MSE ? batch * num_targets : batch);
  if (output_error != nullptr) {
    output_error->resize(h.rows(), batch);
    output_error->bottomRows(h.rows() - num_targets).setZero();
  }
  const double factor = kind == v1::LOSS_HALF_SQUARES ? 0.5 : 1;
  thread_local std::vector<double> exps;  // kept, so that steps do not allocate
  double sum = 0;
  LossValue result;
  for (Index b = 0; b < batch; ++b) {
    const auto h_b = h.col(b).head(num_targets);
    const auto y_b = y.col(b);
    const Index answer = ArgMax(h_b);
    if (answer != ArgMax(y_b)) ++result.num_misclassified;
    if (kind != v1::LOSS_CROSS_ENTROPY) {
      for (Index i = 0; i < num_targets; ++i) {
        const double difference = static_cast<double>(h_b(i)) - static_cast<double>(y_b(i));
        sum += factor * difference * difference;
        if (output_error != nullptr) {
          (*output_error)(i, b) = static_cast<S>(2 * factor * scale * difference);
        }
      }
      continue;
    }
    const auto largest = static_cast<double>(h_b(answer));
    const double exp_sum = ExpAndSum(h_b, largest, exps);
    const double log_sum = largest + std::log(exp_sum);
    const double mass = y_b.template cast<double>().sum();  // 1 for one-hot rows
    for (Index i = 0; i < num_targets; ++i) {
      const auto y_i = static_cast<double>(y_b(i));
      // Not y * log p for y = 0: the logarithm may be minus infinity.
      if (y_i != 0) sum -= y_i * (static_cast<double>(h_b(i)) - log_sum);
      if (output_error != nullptr) {
        const double p = exps[static_cast<size_t>(i)] / exp_sum;
        (*output_error)(i, b) = static_cast<S>(scale * (mass * p - y_i));
      }
    }
  }
  result.loss = scale * sum;
  return result;
}

template void FillOneHot(absl::Span<const int>, double, Matrix<float>&);
template void FillOneHot(absl::Span<const int>, double, Matrix<double>&);
template bool IsMisclassified(const Matrix<float>&, const Matrix<float>&, Index);
template bool IsMisclassified(const Matrix<double>&, const Matrix<double>&, Index);
template LossValue EvaluateLoss(v1::Loss, const Matrix<float>&, const Matrix<float>&,
                                Matrix<float>*);
template LossValue EvaluateLoss(v1::Loss, const Matrix<double>&, const Matrix<double>&,
                                Matrix<double>*);

}  // namespace tpsweep::trainer
