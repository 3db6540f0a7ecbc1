// The subcommands: each file here adds one (or a few alike) to the parser. The
// chosen one leaves in `chosen` what is to be done once all flags are read.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/connection.h"
#include "client/exit_status.h"
#include "client/output.h"
#include "client/progress.h"
#include "common/clock.h"

namespace tpsweep::client {

// What every command gets: the global flags and the process's surroundings,
// which only main.cc looks up.
struct Session {
  ConnectionOptions connection = {};
  Format format = Format::kTable;
  bool is_quiet = false;

  std::string bin_dir;       // of this program
  std::string state_dir;     // of this user
  std::string data_folders;  // TPSWEEP_DATA
  Progress::Style progress_style = Progress::Style::kLines;
  std::function<int()> terminal_width;

  std::ostream& out;
  std::ostream& err;
  Clock& clock;

  // A remark for people.
  void Say(absl::string_view line) const {
    if (!is_quiet) err << line << std::endl;
  }
  Progress MakeProgress() const {
    return Progress(is_quiet ? Progress::Style::kNone : progress_style, terminal_width, err, clock);
  }
};

// What a command that changed a study says of it.
ExitStatus PrintChanged(Session& session, const v1::Study& study);

using Command = std::function<absl::StatusOr<ExitStatus>(Session&)>;

void AddValidate(CLI::App& app, Command& chosen);
void AddSubmit(CLI::App& app, Command& chosen);
void AddRun(CLI::App& app, Command& chosen);
void AddLs(CLI::App& app, Command& chosen);
void AddShow(CLI::App& app, Command& chosen);
void AddWatch(CLI::App& app, Command& chosen);
void AddResults(CLI::App& app, Command& chosen);
void AddBest(CLI::App& app, Command& chosen);
void AddCompare(CLI::App& app, Command& chosen);
void AddImportance(CLI::App& app, Command& chosen);
void AddStateChanges(CLI::App& app, Command& chosen);  // pause, resume, cancel
void AddExtend(CLI::App& app, Command& chosen);        // extend, retry
void AddExplain(CLI::App& app, Command& chosen);
void AddPreview(CLI::App& app, Command& chosen);
void AddDelete(CLI::App& app, Command& chosen);
void AddWorkers(CLI::App& app, Command& chosen);
void AddDescribe(CLI::App& app, Command& chosen);

}  // namespace tpsweep::client
