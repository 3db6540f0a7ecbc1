// What golden cases of the dynamic inversion family have beside others: how their description
// names the rules and fields, and what their script logs after a step.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/golden/description.h"
#include "worker/trainer/golden/golden_case.h"
#include "worker/trainer/network.h"

namespace tpsweep::trainer {

// Of the scripts of [DI]; bp counts where the case names one of them.
bool IsInversionCase(const Description& description);

// Sets the rule of `result.spec`, and result.inversion. kUnimplemented names a variant of a
// rule that this trainer does not have.
absl::Status ReadInversionRule(const Description& description, absl::string_view rule,
                               GoldenCase& result);

// The spec of the steps in which the script does not scale hidden errors yet.
v1::TrainingSpec WithoutScaling(v1::TrainingSpec spec);

// Calls put(name, value) for lambda_max_B2, angle_col0, stability_col0, ...: after the update
// from the pass. The matrices B[l] are those of the file, which has them for sldi too.
template <class S>
absl::Status ComputeInversionMetrics(
    const GoldenCase& golden_case, const SafetensorsFile& recorded, const Network<S>& network,
    const Pass<S>& pass, const std::function<void(const std::string& name, double value)>& put);

}  // namespace tpsweep::trainer
