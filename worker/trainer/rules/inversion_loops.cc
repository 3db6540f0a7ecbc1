#include "worker/trainer/rules/inversion_loops.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "worker/trainer/rules/feedback_matrix.h"
#include "worker/trainer/rules/inversion_measurements.h"
#include "worker/trainer/rules/smoothed_abscissa.h"

namespace tpsweep::trainer {
namespace {

// The count of updates in two digits, which float too holds exactly.
constexpr int64_t kCountBase = 1 << 16;

template <class S>
Parameter<S> State(std::string name, int layer, Index rows, double value) {
  Parameter<S> parameter =
      MakeParameter<S>(std::move(name), layer, Matrix<S>::Constant(rows, 1, static_cast<S>(value)));
  parameter.is_fixed = true;
  return parameter;
}

}  // namespace

template <class S>
InversionLoops<S>::InversionLoops(Options options, const Network<S>& network, uint64_t seed)
    : options_(std::move(options)),
      first_(options_.is_single ? std::max(2, network.num_layers()) : 2) {
  const v1::Stabilise& stabilise = options_.stabilise;
  FeedbackMatrices<S> made =
      options_.is_single
          ? MakeSingleLoopMatrix<S>(options_.feedback, stabilise.ssa(), network, seed)
          : MakeFeedbackMatrices<S>(options_.feedback, stabilise.ssa(), network, seed);
  parameters_ = std::move(made.matrices);
  creation_failure_ = std::move(made.why_infeasible);
  num_loops_ = parameters_.size();
  for (int l = first_; l <= network.num_layers(); ++l) {
    if (stabilise.kind() == v1::STABILISE_KIND_LEAK) {
      parameters_.push_back(State<S>(absl::StrCat("alpha", l), l, 1, options_.alpha));
    } else if (stabilise.kind() == v1::STABILISE_KIND_RESCALE) {
      parameters_.push_back(State<S>(absl::StrCat("factor", l), l, 1, 1));
    }
  }
  if (stabilise.kind() != v1::STABILISE_KIND_NONE && stabilise.every() > 1) {
    parameters_.push_back(State<S>("stabilise_count", network.num_layers(), 2, 0));
  }
  WarnOfStep(network);
}

template <class S>
double InversionLoops<S>::alpha(int l) const {
  return options_.stabilise.kind() == v1::STABILISE_KIND_LEAK
             ? static_cast<double>(parameters_[num_loops_ + Loop(l)].value(0, 0))
             : options_.alpha;
}

template <class S>
double InversionLoops<S>::factor(int l) const {
  return options_.stabilise.kind() == v1::STABILISE_KIND_RESCALE
             ? static_cast<double>(parameters_[num_loops_ + Loop(l)].value(0, 0))
             : 1;
}

template <class S>
std::vector<const Matrix<S>*> InversionLoops<S>::Chain(const Network<S>& network, int l) const {
  std::vector<const Matrix<S>*> chain;
  for (int k = options_.is_single ? 2 : l; k <= l; ++k) chain.push_back(&network.weight(k).value);
  return chain;
}

template <class S>
LoopSpectrum InversionLoops<S>::Spectrum(const Network<S>& network, int l) const {
  return SpectrumOf<S>(Chain(network, l), feedback(l));
}

template <class S>
std::string InversionLoops<S>::Maintain(const Network<S>& network) {
  if (!creation_failure_.empty()) return creation_failure_;
  if (options_.stabilise.kind() == v1::STABILISE_KIND_NONE || !IsDue()) return "";
  for (int l = first_; l <= network.num_layers(); ++l) {
    if (const std::string why = MaintainLoop(network, l); !why.empty()) {
      return absl::StrCat("layer ", l,
                          ": the dynamics of its inversion cannot be made stable: ", why);
    }
  }
  return "";
}

template <class S>
std::string InversionLoops<S>::MaintainLoop(const Network<S>& network, int l) {
  const LoopSpectrum loop = Spectrum(network, l);
  const bool is_stable = SpectralAbscissa(loop, options_.alpha) < 0;
  switch (options_.stabilise.kind()) {
    case v1::STABILISE_KIND_LEAK:
      parameters_[num_loops_ + Loop(l)].value(0, 0) =
          static_cast<S>(is_stable ? options_.alpha : SmallestStableLeak(loop, options_.alpha));
      return "";
    case v1::STABILISE_KIND_RESCALE: {
      const bool converges = is_stable && (!options_.euler || EulerRadius(loop, options_.alpha, 1,
                                                                          *options_.euler) < 1);
      const std::optional<double> factor =
          converges ? 1 : LargestStableFactor(loop, options_.alpha, options_.euler);
      if (!factor) {
        return absl::StrCat("no factor of the feedback does it with alpha ", options_.alpha,
                            "; raise alpha");
      }
      parameters_[num_loops_ + Loop(l)].value(0, 0) = static_cast<S>(*factor);
      return "";
    }
    case v1::STABILISE_KIND_SSA: {
      if (is_stable) return "";
      std::vector<Matrix<double>> matrices;
      for (const Matrix<S>* w : Chain(network, l)) {
        matrices.push_back(w->template cast<double>());
      }
      std::vector<const Matrix<double>*> chain;
      for (const Matrix<double>& w : matrices) chain.push_back(&w);
      Matrix<double> b = feedback(l).template cast<double>();
      std::string why = Stabilise(options_.stabilise.ssa(), chain, options_.alpha, b);
      parameters_[Loop(l)].value = b.template cast<S>();
      return why;
    }
    default:
      return "";
  }
}

template <class S>
bool InversionLoops<S>::IsDue() {
  const int64_t every = options_.stabilise.every();
  if (every <= 1) return true;
  Matrix<S>& digits = parameters_.back().value;
  const int64_t count =
      static_cast<int64_t>(digits(0, 0)) * kCountBase + static_cast<int64_t>(digits(1, 0));
  const int64_t next = (count + 1) % every;
  digits(0, 0) = static_cast<S>(next / kCountBase);
  digits(1, 0) = static_cast<S>(next % kCountBase);
  return count == 0;
}

template <class S>
std::string InversionLoops<S>::WhyDiverged(const Network<S>& network, int l) const {
  const LoopSpectrum loop = Spectrum(network, l);
  const double abscissa = SpectralAbscissa(loop, alpha(l), factor(l));
  const std::string what = absl::StrCat("layer ", l, ": the dynamics of its inversion diverge: ");
  if (!(abscissa < 0)) {
    return absl::StrCat(what, "the largest real part of an eigenvalue is ", abscissa,
                        " with alpha ", alpha(l),
                        ", and must be negative; raise alpha, or set stabilise.kind: leak, rescale "
                        "or ssa");
  }
  const double radius = EulerRadius(loop, alpha(l), factor(l), *options_.euler);
  if (!(radius < 1)) {
    const std::optional<double> largest =
        LargestStableStep(loop, alpha(l), factor(l), *options_.euler);
    return absl::StrCat(
        what, "its Euler steps have an eigenvalue of modulus ", radius, " with dynamics.dt ",
        options_.euler->dt, ", and must stay below 1; lower dt",
        largest ? absl::StrCat(" (the largest that converges is ", *largest, ")") : "",
        ", or set stabilise.kind: rescale");
  }
  return absl::StrCat(what,
                      "by the nonlinearity, since the linear ones are stable (largest real "
                      "part of an eigenvalue ",
                      abscissa, ", largest modulus of a step ", radius,
                      "); raise alpha, or lower dynamics.dt");
}

template <class S>
void InversionLoops<S>::WarnOfStep(const Network<S>& network) const {
  if (!options_.euler || options_.stabilise.kind() == v1::STABILISE_KIND_RESCALE) return;
  for (int l = first_; l <= network.num_layers(); ++l) {
    const LoopSpectrum loop = Spectrum(network, l);
    // What is not stable with any step is for stabilise, or ends the run.
    if (!(SpectralAbscissa(loop, alpha(l), factor(l)) < 0)) continue;
    const std::optional<double> largest =
        LargestStableStep(loop, alpha(l), factor(l), *options_.euler);
    if (!largest || *largest >= options_.euler->dt) continue;
    Log(LogLevel::kWarning, "inversion.step_too_large",
        {{"layer", l}, {"dt", options_.euler->dt}, {"largest_stable_dt", *largest}});
  }
}

template <class S>
void InversionLoops<S>::AddMeasurements(const Network<S>& network,
                                        absl::FunctionRef<bool(v1::Quantity)> asks,
                                        v1::Measurement& measurement) const {
  if (asks(v1::QUANTITY_FEEDBACK_ANGLE)) {
    LayerValues angles(network.num_layers());
    for (int l = first_; l <= network.num_layers(); ++l) {
      angles.Set(l, FeedbackAngle<S>(Chain(network, l), feedback(l)));
    }
    angles.AddTo("layer/feedback_angle", measurement);
  }
  if (!asks(v1::QUANTITY_STABILITY)) return;
  LayerValues abscissas(network.num_layers()), margins(network.num_layers());
  for (int l = first_; l <= network.num_layers(); ++l) {
    const LoopSpectrum loop = Spectrum(network, l);
    abscissas.Set(l, SpectralAbscissa(loop, alpha(l), factor(l)));
    if (options_.euler) {
      margins.Set(l, 1 - EulerRadius(loop, alpha(l), factor(l), *options_.euler));
    }
  }
  abscissas.AddTo("layer/largest_real_part", measurement);
  margins.AddTo("layer/euler_margin", measurement);
}

template class InversionLoops<float>;
template class InversionLoops<double>;

}  // namespace tpsweep::trainer
