// Subcommands of `describe` with files of their own.
#pragma once

#include "client/commands/commands.h"

namespace tpsweep::client {

void AddDescribeNetwork(CLI::App& describe, Command& chosen);
void AddDescribePresets(CLI::App& describe, Command& chosen);  // and spaces

}  // namespace tpsweep::client
