// Whether the rules of [DI] can run on the network, and what their fields allow (see
// training_checks.h).
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/spec/text.h"
#include "common/spec/training_checks.h"
#include "common/training/inversion_limits.h"
#include "common/training/known_data.h"
#include "common/training/layer_shapes.h"

namespace tpsweep::spec {
namespace {

bool IsOfInversion(const v1::TrainingSpec& spec) {
  return spec.has_fa() || spec.has_pbp() || spec.has_ndi() || spec.has_di() || spec.has_sldi();
}

void CheckNetworkOf(const v1::TrainingSpec& spec, const std::string& name, const std::string& path,
                    Problems& problems) {
  const v1::Network& network = spec.network();
  if (absl::c_any_of(network.layers(), [](const v1::Layer& layer) { return layer.has_conv(); })) {
    problems.Add(JoinPath(path, "network.layers"), "has conv layers, and the rule ", name,
                 " is for dense networks");
  }
  if (network.square()) {
    problems.Add(JoinPath(path, "network.square"), "true does not go with the rule ", name,
                 ", whose feedback leads to all units below; legal: false");
  }
  if (NumLayers(network) < 2) {
    problems.Add(JoinPath(path, "network.hidden"), "is empty; the rule ", name,
                 " needs one hidden layer or more, as in hidden: [256, 256]");
  }
}

void CheckHiddenErrors(const v1::HiddenErrors& errors, bool is_loop, const std::string& path,
                       Problems& problems) {
  if (errors.normalise() && errors.max_norm() == 0) {
    problems.Add(JoinPath(path, "normalise"),
                 "true scales to max_norm, and that is 0; set max_norm above 0");
  }
  if (errors.derivative_twice() && is_loop) {
    problems.Add(JoinPath(path, "derivative_twice"),
                 "true is a defect that only bp, fa, pbp and ndi of the authors' code have; legal: "
                 "false");
  }
}

// The widths n_1..n_L; not those of a data set whose shape is not known.
std::vector<std::optional<int64_t>> Widths(const v1::TrainingSpec& spec) {
  std::vector<std::optional<int64_t>> widths;
  for (const v1::Layer& layer : spec.network().layers()) {
    if (layer.has_dense()) widths.emplace_back(layer.dense().units());
  }
  widths.insert(widths.end(), spec.network().hidden().begin(), spec.network().hidden().end());
  if (spec.network().output_units() > 0) {
    widths.emplace_back(spec.network().output_units());
  } else if (const std::optional<DataShape> data = KnownShape(spec.dataset())) {
    widths.emplace_back(data->num_outputs);
  } else {
    widths.emplace_back();
  }
  return widths;
}

// The dynamics that a rule runs, or the steady state of: the layer l that they invert, and
// the widths of their estimates, from the lowest on, and of the controller.
struct Loop {
  size_t layer;
  std::vector<std::optional<int64_t>> widths;

  bool is_known() const {
    return absl::c_all_of(widths, [](const auto& width) { return width.has_value(); });
  }
};

std::vector<Loop> LoopsOf(const v1::TrainingSpec& spec) {
  const auto widths = Widths(spec);
  if (spec.has_sldi()) return {{widths.size(), widths}};
  std::vector<Loop> loops;
  for (size_t l = 2; l <= widths.size(); ++l) {
    loops.push_back({l, {widths[l - 2], widths[l - 1]}});
  }
  return loops;
}

// The controller of such a loop has directions that no estimate answers to.
bool Expands(const Loop& loop) {
  return absl::c_any_of(loop.widths, [&](const auto& width) {
    return width && loop.widths.back() && *width < *loop.widths.back();
  });
}

std::string WidthsText(const Loop& loop) {
  return absl::StrJoin(loop.widths, ", ",
                       [](std::string* out, const auto& width) { absl::StrAppend(out, *width); });
}

void CheckLeak(const v1::TrainingSpec& spec, double alpha, const std::string& path,
               Problems& problems) {
  if (alpha > 0) return;
  for (const Loop& loop : LoopsOf(spec)) {
    if (!Expands(loop)) continue;
    problems.Add(JoinPath(path, "alpha"), "0 leaves the controller of layer ", loop.layer,
                 " without a limit, since ",
                 spec.has_sldi() ? "the output is wider than a layer below (widths "
                                 : "the layer is wider than the one below (widths ",
                 WidthsText(loop), "); legal here: above 0, as 0.01");
  }
}

void CheckSsaSize(const std::string& path, absl::string_view who, const std::vector<Loop>& loops,
                  Problems& problems) {
  for (const Loop& loop : loops) {
    if (!loop.is_known()) continue;
    int64_t units = 0;
    for (const auto& width : loop.widths) units += *width;
    if (units <= kMaxSsaUnits) continue;
    problems.Add(path, who,
                 " decomposes a matrix of all units of the dynamics in every step, at "
                 "most ",
                 kMaxSsaUnits, " of them, and those of layer ", loop.layer, " have ", units,
                 " (widths ", WidthsText(loop), ")");
  }
}

template <class Fields>
void CheckLoops(const v1::TrainingSpec& spec, const Fields& fields, const std::string& path,
                Problems& problems) {
  const std::string kind = JoinPath(path, "feedback.kind");
  if (fields.feedback().kind() == v1::FEEDBACK_KIND_OPTIMISED) {
    // Each B[l] is made stable by itself, those of sldi too.
    v1::TrainingSpec layered = spec;
    layered.mutable_di();
    const std::vector<Loop> loops = LoopsOf(layered);
    for (const Loop& loop : loops) {
      if (!Expands(loop)) continue;
      problems.Add(kind, "optimised makes the dynamics without leak stable, and those of layer ",
                   loop.layer, " never are, since it is wider than the one below (widths ",
                   WidthsText(loop), "); legal here: random, negative_transpose");
    }
    CheckSsaSize(kind, "optimised", loops, problems);
  }
  if (fields.stabilise().kind() == v1::STABILISE_KIND_SSA) {
    CheckSsaSize(JoinPath(path, "stabilise.kind"), "ssa", LoopsOf(spec), problems);
  }
}

template <class Fields>
void CheckDynamics(const v1::TrainingSpec& spec, const Fields& fields, const std::string& path,
                   Problems& problems) {
  CheckLoops(spec, fields, path, problems);
  CheckLeak(spec, fields.alpha(), path, problems);
  CheckHiddenErrors(fields.hidden_errors(), /*is_loop=*/true, JoinPath(path, "hidden_errors"),
                    problems);
  if (fields.nonlinearity() == v1::NONLINEARITY_AROUND_ZERO &&
      spec.network().activation() == v1::ACTIVATION_SIGMOID) {
    problems.Add(JoinPath(path, "nonlinearity"),
                 "around_zero inverts an activation that is 0 at 0, and sigmoid is not; legal "
                 "with it: times_derivative, linearised");
  }
}

// The quantities that only some rules have, and which.
constexpr struct {
  v1::Quantity quantity;
  const char* rules;
} kQuantities[] = {
    {v1::QUANTITY_FEEDBACK_ANGLE, "fa, ndi, di, sldi"},
    {v1::QUANTITY_NDI_ANGLE, "di, sldi"},
    {v1::QUANTITY_PBP_ANGLE, "fa, ndi, di, sldi"},
    {v1::QUANTITY_INVERSION_RESIDUAL, "ndi, di, sldi"},
    {v1::QUANTITY_STABILITY, "ndi, di, sldi"},
    {v1::QUANTITY_INVERSION_STEPS, "di, sldi"},
};

void CheckQuantities(const v1::TrainingSpec& spec, const std::string& name, const std::string& path,
                     Problems& problems) {
  for (int i = 0; i < spec.measure().quantities_size(); ++i) {
    for (const auto& known : kQuantities) {
      const std::vector<std::string> rules = absl::StrSplit(known.rules, ", ");
      if (known.quantity != spec.measure().quantities(i) || absl::c_linear_search(rules, name)) {
        continue;
      }
      problems.Add(absl::StrCat(JoinPath(path, "measure.quantities"), "[", i, "]"),
                   EnumText(known.quantity), " does not go with the rule ", name,
                   "; rules that have it: ", known.rules);
    }
  }
}

}  // namespace

void CheckInversion(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const auto* oneof = v1::TrainingSpec::descriptor()->FindOneofByName("rule");
  const std::string name = spec.GetReflection()->GetOneofFieldDescriptor(spec, oneof)->name();
  const std::string at = JoinPath(path, absl::StrCat("rule.", name));
  const std::string errors = JoinPath(at, "hidden_errors");
  CheckQuantities(spec, name, path, problems);
  if (IsOfInversion(spec)) CheckNetworkOf(spec, name, path, problems);
  if (spec.has_bp()) CheckHiddenErrors(spec.bp().hidden_errors(), false, errors, problems);
  if (spec.has_pbp()) CheckHiddenErrors(spec.pbp().hidden_errors(), false, errors, problems);
  if (spec.has_fa()) {
    CheckHiddenErrors(spec.fa().hidden_errors(), false, errors, problems);
    if (spec.fa().feedback().kind() == v1::FEEDBACK_KIND_OPTIMISED) {
      problems.Add(JoinPath(at, "feedback.kind"),
                   "optimised is for the stability of dynamics, and fa has none; legal: random, "
                   "negative_transpose");
    }
  }
  if (spec.has_ndi()) {
    CheckHiddenErrors(spec.ndi().hidden_errors(), false, errors, problems);
    CheckLoops(spec, spec.ndi(), at, problems);
  }
  if (spec.has_di()) CheckDynamics(spec, spec.di(), at, problems);
  if (spec.has_sldi()) CheckDynamics(spec, spec.sldi(), at, problems);
}

}  // namespace tpsweep::spec
