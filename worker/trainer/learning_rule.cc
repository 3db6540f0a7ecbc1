#include "worker/trainer/learning_rule.h"

#include <type_traits>

#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

std::vector<int> AllLayersHaveBias(const v1::TrainingSpec&, int) { return {}; }

constexpr RuleEntry kRules[] = {
    {v1::TrainingSpec::kBp, "bp", &AllLayersHaveBias, &MakeBp<float>, &MakeBp<double>},
    {v1::TrainingSpec::kDtp, "dtp", &AllLayersHaveBias, &MakeDtp<float>, &MakeDtp<double>},
    {v1::TrainingSpec::kDtpdrl, "dtpdrl", &AllLayersHaveBias, &MakeDtpdrl<float>,
     &MakeDtpdrl<double>},
    {v1::TrainingSpec::kDdtpLinear, "ddtp_linear", &DdtpLinearLayersWithoutBias,
     &MakeDdtpLinear<float>, &MakeDdtpLinear<double>},
    {v1::TrainingSpec::kDdtpRhl, "ddtp_rhl", &AllLayersHaveBias, &MakeDdtpRhl<float>,
     &MakeDdtpRhl<double>},
    {v1::TrainingSpec::kDdtpControl, "ddtp_control", &AllLayersHaveBias, &MakeDdtpControl<float>,
     &MakeDdtpControl<double>},
    {v1::TrainingSpec::kDfa, "dfa", &DfaLayersWithoutBias, &MakeDfa<float>, &MakeDfa<double>},
    {v1::TrainingSpec::kGnt, "gnt", &AllLayersHaveBias, &MakeGnt<float>, &MakeGnt<double>},
    {v1::TrainingSpec::kTp, "tp", &AllLayersHaveBias, &MakeTp<float>, &MakeTp<double>},
    {v1::TrainingSpec::kItp, "itp", &AllLayersHaveBias, &MakeItp<float>, &MakeItp<double>},
    {v1::TrainingSpec::kGait, "gait", &AllLayersHaveBias, &MakeGait<float>, &MakeGait<double>},
    {v1::TrainingSpec::kFa, "fa", &AllLayersHaveBias, &MakeFa<float>, &MakeFa<double>},
    {v1::TrainingSpec::kPbp, "pbp", &AllLayersHaveBias, &MakePbp<float>, &MakePbp<double>},
    {v1::TrainingSpec::kNdi, "ndi", &AllLayersHaveBias, &MakeNdi<float>, &MakeNdi<double>},
    {v1::TrainingSpec::kDi, "di", &AllLayersHaveBias, &MakeDi<float>, &MakeDi<double>},
    {v1::TrainingSpec::kSldi, "sldi", &AllLayersHaveBias, &MakeSldi<float>, &MakeSldi<double>},
};

}  // namespace

absl::Span<const RuleEntry> Rules() { return kRules; }

const RuleEntry& RuleOf(const v1::TrainingSpec& spec) {
  for (const RuleEntry& entry : kRules) {
    if (entry.kind == spec.rule_case()) return entry;
  }
  return kRules[0];  // not reached: a legal spec names a rule
}

template <class S>
std::unique_ptr<LearningRule<S>> MakeRule(const v1::TrainingSpec& spec, const Network<S>& network,
                                          uint64_t seed) {
  const RuleEntry& entry = RuleOf(spec);
  if constexpr (std::is_same_v<S, float>) {
    return entry.make_float(spec, network, seed);
  } else {
    return entry.make_double(spec, network, seed);
  }
}

template std::unique_ptr<LearningRule<float>> MakeRule(const v1::TrainingSpec&,
                                                       const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeRule(const v1::TrainingSpec&,
                                                        const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
