// The values of one parameter: drawn, or counted off on a grid.
#pragma once

#include <cstdint>

#include "google/protobuf/struct.pb.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

// The value at `u` in [0, 1): uniform if `u` is, on the log scale for `log`. All
// whole numbers of an integer interval, its ends included, are equally likely.
google::protobuf::Value DrawValue(const v1::Parameter& parameter, double u);

// How many values a grid has of it.
int64_t GridSize(const v1::Parameter& parameter);

// The value `index`, in [0, GridSize). An interval's values are evenly spaced (on
// the log scale for `log`) with exactly its ends first and last; if there is but
// one, it is the low end.
google::protobuf::Value GridValue(const v1::Parameter& parameter, int64_t index);

}  // namespace tpsweep::server
