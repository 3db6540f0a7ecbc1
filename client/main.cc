// tpsweep: hands sweeps to a server, and shows what became of them.
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <system_error>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "client/commands/commands.h"
#include "client/exit_status.h"
#include "client/table.h"
#include "common/clock.h"
#include "common/spec/text.h"

namespace tpsweep::client {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string BinDir() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

// The XDG base directory specification; relative paths in it are to be ignored.
std::string StateDir() {
  const std::string state = Environment("XDG_STATE_HOME");
  if (!state.empty() && state[0] == '/') return absl::StrCat(state, "/tpsweep");
  const std::string home = Environment("HOME");
  return absl::StrCat(home.empty() ? "." : home, "/.local/state/tpsweep");
}

Progress::Style StyleOfTerminal() {
  const bool can_redraw = isatty(STDERR_FILENO) != 0 && Environment("TERM") != "dumb";
  return can_redraw ? Progress::Style::kBar : Progress::Style::kLines;
}

int TerminalWidth() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

// For CLI11: empty if `text` is a duration.
std::string CheckDuration(const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration()) return "";
  return absl::StrCat("'", text, "' is not a positive duration like 90s, 5m or 1h30m");
}

void AddGlobalFlags(CLI::App& app, Session& session) {
  app.add_option("--server", session.connection.server,
                 "Address of the server, or of several that share a database: HOST:PORT,HOST:PORT")
      ->type_name("HOST:PORT")
      ->envname("TPSWEEP_SERVER")
      ->capture_default_str();
  app.add_option("-o,--output", session.format, "Format of what is listed: table, json or csv")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Format>{
              {"table", Format::kTable}, {"json", Format::kJson}, {"csv", Format::kCsv}},
          CLI::ignore_case))
      ->type_name("FORMAT")
      ->option_text("table|json|csv");
  app.add_option_function<std::string>(
         "--timeout",
         [&session](const std::string& text) {
           absl::ParseDuration(text, &session.connection.timeout);  // checked before
         },
         "Give up after this long: 90s, 5m, 1h30m")
      ->check(CLI::Validator(&CheckDuration, ""))
      ->type_name("DURATION");
  app.add_option("--tls-ca", session.connection.tls_ca, "PEM file of who may sign the server")
      ->type_name("FILE");
  app.add_option("--tls-cert", session.connection.tls_cert, "PEM file of our certificate")
      ->type_name("FILE");
  app.add_option("--tls-key", session.connection.tls_key, "PEM file of its key")->type_name("FILE");
  app.add_flag("-q,--quiet", session.is_quiet, "Only results and errors; no progress, no remarks");
}

void AddCommands(CLI::App& app, Command& chosen) {
  app.require_subcommand(1);
  AddRun(app, chosen);
  AddValidate(app, chosen);
  AddDescribe(app, chosen);
  AddPreview(app, chosen);
  AddSubmit(app, chosen);
  AddWatch(app, chosen);
  AddLs(app, chosen);
  AddShow(app, chosen);
  AddResults(app, chosen);
  AddBest(app, chosen);
  AddCompare(app, chosen);
  AddImportance(app, chosen);
  AddStateChanges(app, chosen);
  AddExtend(app, chosen);
  AddExplain(app, chosen);
  AddDelete(app, chosen);
  AddWorkers(app, chosen);
}

ExitStatus Execute(Session& session, const Command& command) {
  const absl::StatusOr<ExitStatus> status = command(session);
  session.out.flush();
  if (status.ok()) return *status;
  // Messages carry what servers and files say.
  for (const absl::string_view line : absl::StrSplit(status.status().message(), '\n')) {
    session.err << "tpsweep: " << Printable(line) << "\n";
  }
  return ToExitStatus(status.status());
}

// What is wrong with a command line, and a word that may have been meant.
std::string UsageError(const CLI::App* app, const CLI::Error& error) {
  std::string what = error.what();
  const std::vector<std::string> unknown = app->remaining();
  if (app->get_subcommands().empty() && !unknown.empty() && unknown[0][0] != '-') {
    std::vector<std::string> commands;
    for (const CLI::App* sub : app->get_subcommands({})) commands.push_back(sub->get_name());
    const std::string nearest = spec::Nearest(unknown[0], commands);
    what = absl::StrCat("'", unknown[0], "' is not a command",
                        nearest.empty() ? "" : absl::StrCat("; did you mean '", nearest, "'?"));
  }
  return absl::StrCat("tpsweep: ", what, "\nSee tpsweep --help, or tpsweep COMMAND --help.\n");
}

int Main(int argc, char** argv) {
  Session session{.bin_dir = BinDir(),
                  .state_dir = StateDir(),
                  .data_folders = Environment("TPSWEEP_DATA"),
                  .progress_style = StyleOfTerminal(),
                  .terminal_width = &TerminalWidth,
                  .out = std::cout,
                  .err = std::cerr,
                  .clock = Clock::Real()};
  Command command;
  CLI::App app("Distributed sweeps of target-propagation networks.", "tpsweep");
  app.set_version_flag("--version", "tpsweep " TPSWEEP_VERSION);
  app.fallthrough();  // global flags may come after the subcommand
  app.footer(
      "Exit status: 0 done, 1 error, 2 usage, 3 some runs failed, 4 cancelled, 5 time-out,\n"
      "6 server unreachable.");
  app.failure_message(&UsageError);
  AddGlobalFlags(app, session);
  AddCommands(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_help = app.exit(error) == 0;
    return static_cast<int>(is_help ? ExitStatus::kDone : ExitStatus::kUsage);
  }
  return static_cast<int>(Execute(session, command));
}

}  // namespace
}  // namespace tpsweep::client

int main(int argc, char** argv) { return tpsweep::client::Main(argc, argv); }
