// Importances as their reader wants them: a table and sentences, JSON or CSV (docs/client.md
// gives the shapes), and a picture.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "client/importance.h"
#include "client/output.h"

namespace tpsweep::client {

// What the numbers show and do not show.
std::vector<std::string> NotesOn(const StudyImportance& importance);

void PrintImportance(const StudyImportance& importance, Format format, std::ostream& out);

std::string ImportanceSvg(const StudyImportance& importance);

}  // namespace tpsweep::client
