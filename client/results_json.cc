#include "client/results_json.h"

#include <string>
#include <vector>

#include "client/values.h"

namespace tpsweep::client {
namespace {

Json VectorJson(const v1::Vector& vector) {
  Json values = Json::array();
  for (const double value : vector.values()) values.push_back(value);
  return values;
}

// Scalars and vectors of one measurement, by name.
std::map<std::string, Json> Metrics(const v1::Measurement& measurement) {
  std::map<std::string, Json> metrics;
  for (const auto& [name, value] : measurement.scalars()) metrics[name] = value;
  for (const auto& [name, vector] : measurement.vectors()) metrics[name] = VectorJson(vector);
  return metrics;
}

// {name: [one value a measurement]}; null where one lacks what others have.
Json HistoryJson(const std::vector<v1::Measurement>& measurements) {
  std::map<std::string, Json> history;
  for (size_t i = 0; i < measurements.size(); ++i) {
    for (auto& [name, value] : Metrics(measurements[i])) {
      history.try_emplace(name, std::vector<Json>(measurements.size())).first->second[i] = value;
    }
  }
  return history;
}

// The same, with the place of each: forward updates and epochs done.
Json StepsJson(const std::vector<v1::Measurement>& measurements) {
  Json steps = {{"step", Json::array()}, {"epoch", Json::array()}};
  for (const v1::Measurement& measurement : measurements) {
    steps["step"].push_back(measurement.step());
    steps["epoch"].push_back(measurement.epoch());
  }
  steps.update(HistoryJson(measurements));
  return steps;
}

}  // namespace

Json ParametersJson(const v1::Trial& trial) {
  Json parameters = Json::object();
  for (const v1::Assignment& assignment : trial.parameters()) {
    parameters[assignment.path()] = ParameterJson(assignment.value());
  }
  return parameters;
}

Json TrialJson(const v1::Trial& trial) {
  Json rungs = Json::array();
  for (const v1::Rung& rung : trial.rungs()) {
    rungs.push_back({{"epochs", rung.epochs()},
                     {"values", std::vector(rung.values().begin(), rung.values().end())}});
  }
  const auto list = [](const auto& values) {
    return Json(std::vector<double>(values.begin(), values.end()));
  };
  return {{"trial", trial.number()},
          {"state", StateText(trial.state())},
          {"source", trial.source()},
          {"parent", trial.has_fork() ? Json(trial.fork().parent()) : Json()},
          {"born_at_epoch", trial.fork().epoch()},
          {"parameters", ParametersJson(trial)},
          {"objective", trial.has_objective() ? Json(trial.objective()) : Json()},
          {"further_objectives", list(trial.further_objectives())},
          {"constraints", list(trial.constraints())},
          {"epochs", trial.epochs()},
          {"rungs", std::move(rungs)},
          {"core_seconds", trial.core_seconds()}};
}

Json ResultsJson(const StudyResults& results, bool with_history) {
  Json trials = Json::array();
  for (const TrialResults& trial : results.trials) trials.push_back(TrialJson(trial.trial));
  Json runs = Json::array();
  for (const TrialResults& trial : results.trials) {
    for (const v1::Run& run : trial.runs) {
      Json entry = {{"run", run.name()},
                    {"trial", run.trial()},
                    {"replicate", run.replicate()},
                    {"seed", run.seed()},
                    {"state", StateText(run.state())},
                    {"parameters", ParametersJson(trial.trial)},
                    {"metrics", Metrics(run.latest())}};
      if (with_history) {
        const auto history = results.history.find(run.name());
        entry["history"] =
            history == results.history.end() ? Json::object() : HistoryJson(history->second);
        const auto steps = results.step_measurements.find(run.name());
        if (steps != results.step_measurements.end()) {
          entry["measurements"] = StepsJson(steps->second);
        }
      }
      runs.push_back(std::move(entry));
    }
  }
  return {{"version", kJsonVersion},
          {"study", BareName(results.study.name())},
          {"state", StateText(results.study.state())},
          {"trials", std::move(trials)},
          {"runs", std::move(runs)}};
}

void WriteRunsCsv(const StudyResults& results, std::ostream& out) {
  std::vector<std::string> paths;
  for (const v1::Parameter& parameter : results.study.spec().space()) {
    paths.push_back(parameter.path());
  }
  const std::vector<std::string> metrics = ReportedMetrics(results);

  std::vector<Json> record = {"run", "trial", "replicate", "seed", "state"};
  record.insert(record.end(), paths.begin(), paths.end());
  record.insert(record.end(), metrics.begin(), metrics.end());
  out << CsvRecord(record);

  for (const TrialResults& trial : results.trials) {
    for (const v1::Run& run : trial.runs) {
      record = {run.name(), run.trial(), run.replicate(), run.seed(), StateText(run.state())};
      for (const std::string& path : paths) {
        const google::protobuf::Value* value = FindParameter(trial.trial, path);
        record.push_back(value == nullptr ? Json() : ParameterJson(*value));
      }
      for (const std::string& name : metrics) {
        const auto scalar = run.latest().scalars().find(name);
        record.push_back(scalar == run.latest().scalars().end() ? Json() : Json(scalar->second));
      }
      out << CsvRecord(record);
    }
  }
}

}  // namespace tpsweep::client
