#include "worker/trainer/measure/update_angles.h"

#include "worker/trainer/measure/angle.h"

namespace tpsweep::trainer {

template <class S>
WeightAndBias UpdateAngle(const Subject<S>& subject, int l, const Matrix<S>& delta) {
  const Parameter<S>& weight = subject.network.weight(l);
  const Parameter<S>* bias = subject.network.bias(l);
  Matrix<S> grad_w(weight.value.rows(), weight.value.cols());
  Matrix<S> grad_b(weight.value.rows(), 1);
  subject.network.LayerGradient(l, delta, subject.pass, grad_w, &grad_b);
  return {Angle(grad_w, weight.gradient), bias == nullptr ? kNone : Angle(grad_b, bias->gradient)};
}

template <class S>
WeightAndBias TargetUpdateAngle(const Subject<S>& subject, int l, const Matrix<double>& step) {
  const auto at = static_cast<size_t>(l);
  Matrix<S> delta = step.cast<S>();
  MultiplyByDerivative<S>(subject.network.activation(l), subject.pass.a[at], subject.pass.h[at],
                          delta);
  return UpdateAngle(subject, l, delta);
}

template WeightAndBias UpdateAngle(const Subject<float>&, int, const Matrix<float>&);
template WeightAndBias UpdateAngle(const Subject<double>&, int, const Matrix<double>&);
template WeightAndBias TargetUpdateAngle(const Subject<float>&, int, const Matrix<double>&);
template WeightAndBias TargetUpdateAngle(const Subject<double>&, int, const Matrix<double>&);

}  // namespace tpsweep::trainer
