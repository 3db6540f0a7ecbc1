// The flags of commands that are about one study: which file or preset, and what is
// changed about it.
#pragma once

#include "CLI/CLI.hpp"
#include "client/spec_file.h"

namespace tpsweep::client {

// `source` must outlive the parser.
void AddSpecFlags(CLI::App& sub, SpecSource& source);

// --name, for commands that create the study.
void AddNameFlag(CLI::App& sub, SpecSource& source);

}  // namespace tpsweep::client
