// How far computed tensors are from recorded ones.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/golden/golden_case.h"

namespace tpsweep::trainer {

struct Comparison {
  // One line of the summary: all tensors of a kind, such as "grad/W".
  struct Kind {
    int num_tensors = 0;
    double worst_error = 0;  // the largest as a share of its tolerance
    std::string worst_tensor;
    double tolerance = 0;      // of that tensor
    bool is_angle = false;     // in degrees
    bool is_absolute = false;  // the error is: of angles, and of shares, which may be zero
  };
  std::map<std::string, Kind> kinds;
  int num_compared = 0;
  std::vector<std::string> out_of_tolerance;  // names of tensors
  // Recorded results that were not computed, or not in the same shape: as bad as a
  // wrong number.
  std::vector<std::string> missing;

  bool ok() const { return out_of_tolerance.empty() && missing.empty() && num_compared > 0; }
};

// Error of a tensor: max |x - ref| / max |ref|; of an angle or a share: |x - ref|; of the
// regulariser's part of a gradient relative to the whole. NaN equals NaN.
Comparison Compare(const GoldenCase& golden_case, const SafetensorsFile& recorded,
                   const SafetensorsFile& computed);

}  // namespace tpsweep::trainer
