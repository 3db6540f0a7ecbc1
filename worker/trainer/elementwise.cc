#include "worker/trainer/elementwise.h"

#include <cmath>

#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {

template <class S>
void Scale(S alpha, const ConstMatrixRef<S>& x, MatrixRef<S> y) {
  ForShards(static_cast<size_t>(y.size()), [&](size_t begin, size_t end) {
    GetKernels<S>().scale(end - begin, alpha, x.data() + begin, y.data() + begin);
  });
}

template <class S>
void Add(const ConstMatrixRef<S>& x, const ConstMatrixRef<S>& y, MatrixRef<S> z) {
  ForShards(static_cast<size_t>(z.size()), [&](size_t begin, size_t end) {
    GetKernels<S>().add(end - begin, x.data() + begin, y.data() + begin, z.data() + begin);
  });
}

template <class S>
void Subtract(const ConstMatrixRef<S>& x, const ConstMatrixRef<S>& y, MatrixRef<S> z) {
  ForShards(static_cast<size_t>(z.size()), [&](size_t begin, size_t end) {
    GetKernels<S>().subtract(end - begin, x.data() + begin, y.data() + begin, z.data() + begin);
  });
}

template <class S>
double SumOfSquares(const ConstMatrixRef<S>& x) {
  return GetKernels<S>().sum_of_squares(static_cast<size_t>(x.size()), x.data());
}

template <class S>
double Norm(const ConstMatrixRef<S>& x) {
  return std::sqrt(SumOfSquares<S>(x));
}

template <class S>
bool IsFinite(const ConstMatrixRef<S>& x) {
  return GetKernels<S>().is_finite(static_cast<size_t>(x.size()), x.data());
}

template void Scale(float, const ConstMatrixRef<float>&, MatrixRef<float>);
template void Scale(double, const ConstMatrixRef<double>&, MatrixRef<double>);
template void Add(const ConstMatrixRef<float>&, const ConstMatrixRef<float>&, MatrixRef<float>);
template void Add(const ConstMatrixRef<double>&, const ConstMatrixRef<double>&, MatrixRef<double>);
template void Subtract(const ConstMatrixRef<float>&, const ConstMatrixRef<float>&,
                       MatrixRef<float>);
template void Subtract(const ConstMatrixRef<double>&, const ConstMatrixRef<double>&,
                       MatrixRef<double>);
template double SumOfSquares(const ConstMatrixRef<float>&);
template double SumOfSquares(const ConstMatrixRef<double>&);
template double Norm(const ConstMatrixRef<float>&);
template double Norm(const ConstMatrixRef<double>&);
template bool IsFinite(const ConstMatrixRef<float>&);
template bool IsFinite(const ConstMatrixRef<double>&);

}  // namespace tpsweep::trainer
