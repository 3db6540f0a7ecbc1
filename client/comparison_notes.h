// What a comparison shows and does not show, in plain sentences.
#pragma once

#include <string>
#include <vector>

#include "client/comparison.h"

namespace tpsweep::client {

// First one sentence a contrast, then what the reader must know to trust or mistrust them.
std::vector<std::string> NotesOn(const Comparison& comparison);

}  // namespace tpsweep::client
