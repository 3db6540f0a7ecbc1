// A comparison as its reader wants it: tables and sentences, JSON or CSV (docs/client.md
// gives the shapes), and a picture of the tuning curves.
#pragma once

#include <ostream>
#include <string>

#include "client/comparison.h"
#include "client/output.h"

namespace tpsweep::client {

void PrintComparison(const Comparison& comparison, Format format, std::ostream& out);

// The best objective after n trials, expected, with its band, a curve a group.
std::string ComparisonSvg(const Comparison& comparison);

}  // namespace tpsweep::client
