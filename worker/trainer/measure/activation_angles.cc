#include "worker/trainer/measure/activation_angles.h"

#include "worker/trainer/measure/angle.h"

namespace tpsweep::trainer {

template <class S, class T>
double ActivationAngle(const Subject<S>& subject, int l, const Matrix<T>& step) {
  if (subject.pass.displacement.empty()) return kNone;
  return MeanAngleOfColumns(-subject.pass.displacement[static_cast<size_t>(l)], step);
}

template double ActivationAngle(const Subject<float>&, int, const Matrix<float>&);
template double ActivationAngle(const Subject<float>&, int, const Matrix<double>&);
template double ActivationAngle(const Subject<double>&, int, const Matrix<double>&);

}  // namespace tpsweep::trainer
