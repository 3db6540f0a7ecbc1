// What the table of rules (learning_rule.cc) takes from the rule files.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/trainer/learning_rule.h"

namespace tpsweep::trainer {

// `spec` is complete and asks for this rule; `seed` is the root of the initial
// feedback weights.
template <class S>
std::unique_ptr<LearningRule<S>> MakeBp(const v1::TrainingSpec& spec, const Network<S>& network,
                                        uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeDtp(const v1::TrainingSpec& spec, const Network<S>& network,
                                         uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeDtpdrl(const v1::TrainingSpec& spec, const Network<S>& network,
                                            uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeDdtpLinear(const v1::TrainingSpec& spec,
                                                const Network<S>& network, uint64_t seed);
// What MakeDdtpLinear makes for paths that are not one matrix each.
template <class S>
std::unique_ptr<LearningRule<S>> MakeDdtpMlp(const v1::TrainingSpec& spec,
                                             const Network<S>& network, uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeDdtpRhl(const v1::TrainingSpec& spec,
                                             const Network<S>& network, uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeDdtpControl(const v1::TrainingSpec& spec,
                                                 const Network<S>& network, uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeDfa(const v1::TrainingSpec& spec, const Network<S>& network,
                                         uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeGnt(const v1::TrainingSpec& spec, const Network<S>& network,
                                         uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeTp(const v1::TrainingSpec& spec, const Network<S>& network,
                                        uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeItp(const v1::TrainingSpec& spec, const Network<S>& network,
                                         uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeGait(const v1::TrainingSpec& spec, const Network<S>& network,
                                          uint64_t seed);

template <class S>
std::unique_ptr<LearningRule<S>> MakeFa(const v1::TrainingSpec& spec, const Network<S>& network,
                                        uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakePbp(const v1::TrainingSpec& spec, const Network<S>& network,
                                         uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeNdi(const v1::TrainingSpec& spec, const Network<S>& network,
                                         uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeDi(const v1::TrainingSpec& spec, const Network<S>& network,
                                        uint64_t seed);
template <class S>
std::unique_ptr<LearningRule<S>> MakeSldi(const v1::TrainingSpec& spec, const Network<S>& network,
                                          uint64_t seed);

// The last hidden layer, unless the spec gives it a bias.
std::vector<int> DdtpLinearLayersWithoutBias(const v1::TrainingSpec& spec, int num_layers);
std::vector<int> DfaLayersWithoutBias(const v1::TrainingSpec& spec, int num_layers);

}  // namespace tpsweep::trainer
