// The flags that `results` and `run` share.
#pragma once

#include "CLI/CLI.hpp"
#include "client/results_view.h"

namespace tpsweep::client {

// `view` must outlive the parser.
void AddResultsFlags(CLI::App& sub, ResultsView& view);

}  // namespace tpsweep::client
