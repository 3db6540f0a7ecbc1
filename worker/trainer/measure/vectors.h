// Named vectors of a measurement, with one entry a layer.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "tpsweep/v1/measurement.pb.h"

namespace tpsweep::trainer {

// Where a layer has no such thing.
inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Leaves out a vector in which no layer has anything.
void AddVector(const std::string& name, const std::vector<double>& values,
               v1::Measurement& measurement);

// Of a layer's weights and of its biases, which are two vectors.
struct WeightAndBias {
  double weight = kNone;
  double bias = kNone;
};
void AddVectors(const std::string& weight_name, const std::string& bias_name,
                const std::vector<WeightAndBias>& values, v1::Measurement& measurement);

}  // namespace tpsweep::trainer
