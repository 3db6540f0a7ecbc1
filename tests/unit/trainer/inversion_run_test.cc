// Whole runs of the rules of dynamic inversion: what stabilises their dynamics survives a
// checkpoint, what is measured changes nothing, and a run that diverges says why.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/trainer/training_run_harness.h"

namespace tpsweep::trainer {
namespace {

using testing::HasSubstr;
using testing::Key;

constexpr const char* kRules[] = {"ndi", "di", "sldi"};

v1::Stabilise& StabiliseOf(v1::TrainingSpec& spec) {
  if (spec.has_ndi()) return *spec.mutable_ndi()->mutable_stabilise();
  if (spec.has_di()) return *spec.mutable_di()->mutable_stabilise();
  return *spec.mutable_sldi()->mutable_stabilise();
}

// With random feedback, and the weights of this seed, the dynamics are not stable from the start.
v1::TrainingSpec RestlessSpec(const std::string& rule, v1::StabiliseKind kind, int every) {
  v1::TrainingSpec spec = SmallSpec(rule);
  spec.set_epochs(2);
  spec.set_seed(2);
  v1::FeedbackMatrix& feedback = rule == "ndi"  ? *spec.mutable_ndi()->mutable_feedback()
                                 : rule == "di" ? *spec.mutable_di()->mutable_feedback()
                                                : *spec.mutable_sldi()->mutable_feedback();
  feedback.set_kind(v1::FEEDBACK_KIND_RANDOM);
  feedback.set_bound(1);
  if (rule == "sldi") spec.mutable_sldi()->set_alpha(0.1);
  StabiliseOf(spec).set_kind(kind);
  StabiliseOf(spec).set_every(every);
  StabiliseOf(spec).mutable_ssa()->set_lr(0.5);
  return spec;
}

class InversionRun : public TrainingRunTest {};

TEST_F(InversionRun, GoesOnFromACheckpointInTheSameBits) {
  for (const std::string rule : kRules) {
    for (const auto kind : {v1::STABILISE_KIND_NONE, v1::STABILISE_KIND_LEAK,
                            v1::STABILISE_KIND_RESCALE, v1::STABILISE_KIND_SSA}) {
      for (const int every : {1, 3}) {
        if (kind == v1::STABILISE_KIND_NONE && every > 1) continue;
        SCOPED_TRACE(absl::StrCat(rule, " ", kind, " ", every));
        ExpectResumableAnywhere(
            kind == v1::STABILISE_KIND_NONE ? SmallSpec(rule) : RestlessSpec(rule, kind, every),
            /*stride=*/2);
      }
    }
  }
}

// Stabilising does something in these runs: otherwise they prove nothing.
TEST_F(InversionRun, StateOfStabilisingMoves) {
  for (const std::string rule : kRules) {
    const auto state = [&](v1::StabiliseKind kind, const char* name) {
      const Outcome outcome = Train(RestlessSpec(rule, kind, 1));
      EXPECT_EQ(outcome.end, TrainingRun::End::kCompleted) << rule << ": " << outcome.message;
      float value = 0;
      const auto file = ParseSafetensors(outcome.checkpoint, "checkpoint").value();
      for (const auto& [key, tensor] : file.tensors) {
        if (key.find(absl::StrCat(name, 3)) == std::string::npos) continue;
        std::memcpy(&value, tensor.data.data(), sizeof(value));
      }
      return value;
    };
    EXPECT_GT(state(v1::STABILISE_KIND_LEAK, "alpha"), 0.1f) << rule;
    EXPECT_LT(state(v1::STABILISE_KIND_RESCALE, "factor"), 1) << rule;
  }
}

TEST_F(InversionRun, MeasuringChangesNothing) {
  for (const std::string rule : {"fa", "ndi", "di", "sldi"}) {
    v1::TrainingSpec spec = SmallSpec(rule);
    const Outcome plain = Train(spec);
    v1::Measure& measure = *spec.mutable_measure();
    measure.set_every(4);
    measure.add_quantities(v1::QUANTITY_FEEDBACK_ANGLE);
    measure.add_quantities(v1::QUANTITY_PBP_ANGLE);
    measure.add_quantities(v1::QUANTITY_NORMS);
    if (rule != "fa") {
      measure.add_quantities(v1::QUANTITY_INVERSION_RESIDUAL);
      measure.add_quantities(v1::QUANTITY_STABILITY);
    }
    if (rule == "di" || rule == "sldi") {
      measure.add_quantities(v1::QUANTITY_NDI_ANGLE);
      measure.add_quantities(v1::QUANTITY_INVERSION_STEPS);
    }
    const Outcome measured = Train(spec);
    EXPECT_EQ(plain.end, TrainingRun::End::kCompleted) << plain.message;
    EXPECT_EQ(TensorOf(plain.checkpoint, "W1").data, TensorOf(measured.checkpoint, "W1").data);
    const auto& vectors = measured.measurements[0].vectors();
    EXPECT_THAT(vectors, testing::Contains(Key("layer/feedback_angle")));
    EXPECT_THAT(vectors, testing::Contains(Key("layer/feedback_weight_norm")));
    const auto at = [&vectors](const std::string& name, int l) {
      const auto found = vectors.find(name);
      return found == vectors.end() ? NAN : found->second.values(l - 1);
    };
    // The negative transposes are those of the initial weights still.
    if (rule != "fa") {
      EXPECT_LT(at("layer/feedback_angle", 3), 0.05) << rule;
    }
    EXPECT_EQ(std::isnan(at("layer/feedback_angle", 2)), rule == "sldi");
    EXPECT_TRUE(std::isnan(at("layer/feedback_angle", 1)));
    EXPECT_GT(at("layer/pbp_angle", 1), 0);
    EXPECT_TRUE(std::isnan(at("layer/pbp_angle", 3)));
    if (rule == "fa") continue;
    EXPECT_LT(at("layer/largest_real_part", 3), 0);
    EXPECT_GT(at("layer/inversion_residual", 3), 0);
    EXPECT_LT(at("layer/inversion_residual", 3), 1);
    EXPECT_EQ(std::isnan(at("layer/euler_margin", 3)), rule == "ndi");
    if (rule == "ndi") continue;
    EXPECT_GT(at("layer/euler_margin", 3), 0);
    EXPECT_EQ(at("layer/inversion_steps", 3), 40);
    // 40 steps are not the steady state yet.
    EXPECT_LT(at("layer/ndi_angle", 1), 10) << rule;
  }
}

TEST_F(InversionRun, EndsInfeasibleWithTheLayerAndTheRemedy) {
  for (const std::string rule : {"di", "sldi"}) {
    v1::TrainingSpec spec = RestlessSpec(rule, v1::STABILISE_KIND_NONE, 1);
    spec.mutable_network()->set_activation(v1::ACTIVATION_LEAKY_RELU);
    spec.set_epochs(30);
    auto& fields = rule == "di" ? *spec.mutable_di()->mutable_dynamics()
                                : *spec.mutable_sldi()->mutable_dynamics();
    fields.set_dt(0.9);
    fields.set_steps(2000);
    const Outcome outcome = Train(spec);
    EXPECT_EQ(outcome.end, TrainingRun::End::kInfeasible);
    EXPECT_THAT(outcome.message, HasSubstr("the dynamics of its inversion diverge: "));
    EXPECT_THAT(outcome.message, HasSubstr("set stabilise.kind"));
    EXPECT_THAT(outcome.message, HasSubstr("at step "));
  }
}

TEST_F(InversionRun, EndsInfeasibleWhereAMatrixCannotBeMadeStable) {
  v1::TrainingSpec spec = SmallSpec("ndi");
  spec.mutable_ndi()->mutable_feedback()->set_kind(v1::FEEDBACK_KIND_OPTIMISED);
  spec.mutable_network()->set_hidden(0, 9);
  spec.mutable_network()->set_hidden(1, 12);
  const Outcome outcome = Train(spec);
  EXPECT_EQ(outcome.end, TrainingRun::End::kInfeasible);
  EXPECT_THAT(outcome.message, HasSubstr("layer 2: no optimised feedback matrix: "));
}

}  // namespace
}  // namespace tpsweep::trainer
