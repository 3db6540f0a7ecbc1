#include "worker/trainer/measure/vectors.h"

#include <cmath>

#include "absl/algorithm/container.h"

namespace tpsweep::trainer {

void AddVector(const std::string& name, const std::vector<double>& values,
               v1::Measurement& measurement) {
  if (absl::c_all_of(values, [](double value) { return std::isnan(value); })) return;
  auto& out = *(*measurement.mutable_vectors())[name].mutable_values();
  for (const double value : values) out.Add(value);
}

void AddVectors(const std::string& weight_name, const std::string& bias_name,
                const std::vector<WeightAndBias>& values, v1::Measurement& measurement) {
  std::vector<double> weights, biases;
  for (const WeightAndBias& value : values) {
    weights.push_back(value.weight);
    biases.push_back(value.bias);
  }
  AddVector(weight_name, weights, measurement);
  AddVector(bias_name, biases, measurement);
}

}  // namespace tpsweep::trainer
