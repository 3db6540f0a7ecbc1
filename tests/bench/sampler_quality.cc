// The best value that each sampler finds on known functions, beside Optuna's TPE.
//
//   sampler_quality [--trials 200] [--seeds 20] [--samplers tpe,gp] [--optuna SCRIPT]
//
// SCRIPT is tests/bench/optuna_quality.py, for which Debian's python3-optuna must be
// installed. Prints the median over the seeds, the quartiles and the mean time of a
// trial.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "server/search/search.h"
#include "tests/bench/test_functions.h"

namespace tpsweep::server {
namespace {

struct Options {
  int trials = 200;
  int seeds = 20;
  std::vector<std::string> samplers = {"random",         "sobol", "tpe",   "tpe/multivariate",
                                       "tpe/univariate", "gp",    "cma_es"};
  std::string optuna;
};

v1::StudySpec MakeSpec(const TestFunction& function, const std::string& sampler, int trials,
                       int seed) {
  v1::StudySpec spec;
  for (size_t i = 0; i < function.box.size(); ++i) {
    v1::Parameter& parameter = *spec.add_space();
    parameter.set_path(absl::StrCat("x", i));
    parameter.mutable_linear()->set_low(function.box[i].first);
    parameter.mutable_linear()->set_high(function.box[i].second);
  }
  spec.mutable_search()->set_seed(static_cast<uint64_t>(seed));
  const std::pair<std::string, std::string> name = absl::StrSplit(sampler, absl::MaxSplits('/', 1));
  v1::Sampler& message = *spec.mutable_search()->mutable_sampler();
  const auto* member = v1::Sampler::descriptor()->FindFieldByName(name.first);
  auto* chosen = message.GetReflection()->MutableMessage(&message, member);
  const auto* trials_field = chosen->GetDescriptor()->FindFieldByName("trials");
  chosen->GetReflection()->SetInt64(chosen, trials_field, trials);
  if (message.has_tpe()) {
    message.mutable_tpe()->set_startup(10);
    message.mutable_tpe()->set_model(name.second == "univariate"     ? v1::TPE_MODEL_UNIVARIATE
                                     : name.second == "multivariate" ? v1::TPE_MODEL_MULTIVARIATE
                                                                     : v1::TPE_MODEL_BOTH);
  }
  if (message.has_nsga2()) message.mutable_nsga2()->set_population(30);
  return spec;
}

// The best value of a study with one worker.
double Best(const TestFunction& function, const v1::StudySpec& spec) {
  Search search(spec);
  double best = INFINITY;
  for (int64_t n = 0; const auto next = search.Propose(); ++n) {
    v1::Trial trial;
    trial.set_number(n);
    std::vector<double> x;
    for (const v1::Assignment& assignment : next->configuration) {
      *trial.add_parameters() = assignment;
      x.push_back(assignment.value().number_value());
    }
    search.Add(trial);
    trial.set_state(v1::TRIAL_STATE_SUCCEEDED);
    trial.set_objective(function.value(x));
    best = std::min(best, trial.objective());
    search.Tell(trial.number(), trial);
  }
  return best;
}

void Report(const std::string& function, const std::string& sampler, std::vector<double> best,
            double milliseconds) {
  std::sort(best.begin(), best.end());
  const auto quantile = [&best](double q) {
    const double at = q * static_cast<double>(best.size() - 1);
    const auto below = static_cast<size_t>(at);
    const size_t above = std::min(below + 1, best.size() - 1);
    return best[below] + (at - static_cast<double>(below)) * (best[above] - best[below]);
  };
  std::cout << absl::StrFormat("%-11s %-18s %9.4f %9.4f %9.4f %9.2f\n", function, sampler,
                               quantile(0.5), quantile(0.25), quantile(0.75), milliseconds)
            << std::flush;
}

// Lines of the script: function, milliseconds a trial, best values.
void ReportOptuna(const Options& options) {
  const std::string command =
      absl::StrCat("/usr/bin/python3 '", options.optuna, "' ", options.trials, " ", options.seeds);
  FILE* pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c)
  if (pipe == nullptr) return;
  std::string text;
  char buffer[4096];
  for (size_t n = 0; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) text.append(buffer, n);
  pclose(pipe);
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    std::vector<double> best;
    double milliseconds = 0;
    for (size_t i = 2; i < words.size(); ++i) {
      if (!absl::SimpleAtod(words[i], &best.emplace_back())) return;
    }
    if (words.size() < 3 || !absl::SimpleAtod(words[1], &milliseconds)) return;
    Report(words[0], "optuna tpe", std::move(best), milliseconds);
  }
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--trials") options.trials = std::stoi(argv[i + 1]);
    if (flag == "--seeds") options.seeds = std::stoi(argv[i + 1]);
    if (flag == "--samplers") options.samplers = absl::StrSplit(argv[i + 1], ',');
    if (flag == "--optuna") options.optuna = argv[i + 1];
  }
  std::cout << absl::StrFormat("%-11s %-18s %9s %9s %9s %9s\n", "function", "sampler", "median",
                               "q25", "q75", "ms/trial");
  for (const TestFunction& function : TestFunctions()) {
    for (const std::string& sampler : options.samplers) {
      std::vector<double> best;
      const auto start = std::chrono::steady_clock::now();
      for (int seed = 1; seed <= options.seeds; ++seed) {
        best.push_back(Best(function, MakeSpec(function, sampler, options.trials, seed)));
      }
      const std::chrono::duration<double, std::milli> taken =
          std::chrono::steady_clock::now() - start;
      Report(function.name, sampler, std::move(best),
             taken.count() / options.seeds / options.trials);
    }
  }
  if (!options.optuna.empty()) ReportOptuna(options);
  return 0;
}

}  // namespace
}  // namespace tpsweep::server

int main(int argc, char** argv) { return tpsweep::server::Main(argc, argv); }
