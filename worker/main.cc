// tpsweep-worker: trains runs, for a coordinator or by itself.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/log.h"
#include "common/training/data_search_path.h"
#include "worker/agent_command.h"
#include "worker/bench_command.h"
#include "worker/replay_command.h"
#include "worker/toy_command.h"
#include "worker/train_command.h"
#include "worker/trainer/kernels.h"

namespace {

constexpr int kUsageError = 2;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// $XDG_STATE_HOME/tpsweep/worker, or ~/.local/state/tpsweep/worker.
std::string DefaultStateFolder() {
  const std::string state = Environment("XDG_STATE_HOME");
  if (!state.empty()) return state + "/tpsweep/worker";
  const std::string home = Environment("HOME");
  return (home.empty() ? "." : home) + "/.local/state/tpsweep/worker";
}

// A duration from a second to `hours`.
CLI::Validator DurationUpTo(int hours) {
  return CLI::Validator(
      [hours](const std::string& text) -> std::string {
        absl::Duration duration;
        if (absl::ParseDuration(text, &duration) && duration >= absl::Seconds(1) &&
            duration <= absl::Hours(hours)) {
          return "";
        }
        return "'" + text + "' is not a duration from 1s to " + std::to_string(hours) +
               "h, such as 5s or 2m";
      },
      "DURATION");
}

void SayIfSlow() {
  if (tpsweep::trainer::HasV3()) return;
  std::fprintf(stderr,
               "tpsweep-worker: this processor lacks AVX2 or FMA; training uses the %s kernels, "
               "which are slower\n",
               tpsweep::trainer::KernelSetName());
}

}  // namespace

int main(int argc, char** argv) {
  using tpsweep::LogLevel;
  signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of that write alone

  CLI::App app(
      "Trains runs for a tpsweep-server, or one run by itself.\n"
      "SIGTERM, SIGINT, SIGUSR1, SIGUSR2: hands all work back, with checkpoints, and exits within "
      "--grace.",
      "tpsweep-worker");
  app.set_version_flag("--version", "tpsweep-worker " TPSWEEP_VERSION);
  app.fallthrough();  // --data and --log-level may follow a subcommand

  tpsweep::AgentCommandOptions agent;
  agent.version = TPSWEEP_VERSION;
  agent.slots = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::string> data_path = tpsweep::DataSearchPath({}, Environment("TPSWEEP_DATA"));
  LogLevel log_level = LogLevel::kInfo;
  const std::map<std::string, LogLevel> levels = {{"debug", LogLevel::kDebug},
                                                  {"info", LogLevel::kInfo},
                                                  {"warning", LogLevel::kWarning},
                                                  {"error", LogLevel::kError}};

  app.add_option(
      "--server", agent.connection.server,
      "Whom to work for: HOST:PORT, or several (HOST:PORT,HOST:PORT) of which one leads");
  app.add_option(
         "--slots", agent.slots,
         "Runs at a time, by default one for each core; when there are fewer, each gets its share "
         "of the slots as threads (training.threads_per_run)")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--data", data_path,
                 "Folder with data sets; may be repeated, first match wins. Default: those of "
                 "TPSWEEP_DATA (separated by colons), then /usr/share/datasets")
      ->allow_extra_args(false);
  app.add_option("--name", agent.name, "Name of this worker (default: host, process, random)");
  std::string grace = "5s";
  app.add_option("--grace", grace, "What handing back may take after the first signal")
      ->check(DurationUpTo(1))
      ->capture_default_str();
  std::string exit_when_idle;
  app.add_option("--exit-when-idle", exit_when_idle,
                 "Exit after so long without a run, also when that is because the server cannot be "
                 "reached (default: never)")
      ->check(DurationUpTo(168));
  app.add_option("--state", agent.state_folder,
                 "Folder where a worker keeps what the server has not acknowledged, to come back "
                 "with it, and notes the run by which it dies; default: tpsweep/worker in the "
                 "user's state folder");
  app.add_option("--spool-bytes", agent.spool_bytes,
                 "What a worker may keep there; a number of bytes, or 500MiB, 2GiB, ...")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::NonNegativeNumber)
      ->default_str("1GiB");
  app.add_option("--tls-ca", agent.connection.tls.ca, "PEM file of who may sign the server");
  app.add_option("--tls-cert", agent.connection.tls.cert, "PEM file of this worker's certificate");
  app.add_option("--tls-key", agent.connection.tls.key, "PEM file of this worker's key");
  app.add_option("--log-level", log_level, "debug, info, warning or error")
      ->transform(CLI::CheckedTransformer(levels).description(""));

  tpsweep::TrainOptions train;
  CLI::App* train_command = app.add_subcommand("train", "Trains one run without a server");
  train_command->add_option("spec", train.spec_path, "YAML file with a training spec")->required();
  train_command->add_option("--checkpoint", train.checkpoint_path,
                            "Write the state here after each epoch and when stopped");
  train_command->add_option("--resume", train.resume_path, "Go on from this checkpoint");
  train_command
      ->add_option("--threads", train.threads,
                   "OpenMP threads (default: as the spec says, or one for each core)")
      ->check(CLI::Range(1, 256));
  const std::map<std::string, tpsweep::TrainOptions::Output> outputs = {
      {"table", tpsweep::TrainOptions::Output::kTable},
      {"json", tpsweep::TrainOptions::Output::kJson}};
  train_command->add_option("-o,--output", train.output, "table or json")
      ->transform(CLI::CheckedTransformer(outputs).description(""));

  std::string replay_case;
  std::string replay_out;
  CLI::App* replay_command =
      app.add_subcommand("replay", "Replays a recorded training and compares every tensor");
  replay_command->add_option("case", replay_case, "Recorded case (safetensors)")->required();
  replay_command->add_option("--out", replay_out, "Write what was computed here");

  tpsweep::ToyOptions toy;
  CLI::App* toy_command = app.add_subcommand(
      "toy", "Runs a toy experiment of the presets; writes its numbers (CSV) and a picture (SVG)");
  const std::map<std::string, tpsweep::ToyOptions::Experiment> experiments = {
      {"null-space", tpsweep::ToyOptions::Experiment::kNullSpace},
      {"output-space", tpsweep::ToyOptions::Experiment::kOutputSpace}};
  toy_command->add_option("experiment", toy.experiment, "null-space or output-space")
      ->required()
      ->transform(CLI::CheckedTransformer(experiments).description(""));
  toy_command->add_option("--out", toy.folder, "Folder to write into")->capture_default_str();
  toy_command->add_option("--seeds", toy.seeds, "null-space: runs of each method")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  toy_command
      ->add_option("--samples", toy.samples, "output-space: samples, one arrow a method each")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();

  tpsweep::BenchOptions bench;
  CLI::App* bench_command = app.add_subcommand(
      "bench", "How fast this machine trains, beside what its multiply-adds would allow");
  bench_command->add_option("spec", bench.spec_path,
                            "YAML file with a training spec; without one, three rules of the "
                            "presets for Fashion-MNIST");
  bench_command
      ->add_option("--threads", bench.threads,
                   "Threads of a run (default: as the spec says, or one)")
      ->check(CLI::Range(1, 256));
  bench_command->add_option("--repetitions", bench.repetitions, "Of each measurement")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  const std::map<std::string, tpsweep::BenchOptions::Output> bench_outputs = {
      {"table", tpsweep::BenchOptions::Output::kTable},
      {"json", tpsweep::BenchOptions::Output::kJson}};
  bench_command->add_option("-o,--output", bench.output, "table or json")
      ->transform(CLI::CheckedTransformer(bench_outputs).description(""));
  app.require_subcommand(0, 1);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  tpsweep::SetLogLevel(log_level);
  SayIfSlow();

  if (train_command->parsed()) {
    train.data_path = data_path;
    return tpsweep::RunTrainCommand(train);
  }
  if (replay_command->parsed()) {
    return tpsweep::ReplayCommand(replay_case, replay_out, std::cout, std::cerr);
  }
  if (bench_command->parsed()) {
    bench.data_path = data_path;
    return tpsweep::RunBenchCommand(bench);
  }
  if (toy_command->parsed()) return tpsweep::RunToyCommand(toy);
  if (agent.connection.server.empty()) {
    std::fprintf(stderr, "tpsweep-worker: --server HOST:PORT is required (see --help)\n");
    return kUsageError;
  }
  agent.data_path = data_path;
  absl::ParseDuration(grace, &agent.grace);
  if (!exit_when_idle.empty()) absl::ParseDuration(exit_when_idle, &agent.exit_when_idle);
  if (agent.state_folder.empty()) agent.state_folder = DefaultStateFolder();
  return tpsweep::RunAgentCommand(agent);
}
