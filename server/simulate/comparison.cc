#include "server/simulate/comparison.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/spec/yaml.h"
#include "common/status_macros.h"
#include "server/coordinator/simulation.h"

namespace tpsweep::server {
namespace {

constexpr double kLevel = 0.95;
constexpr int64_t kCoursePoints = 200;

// One simulation: when its regret fell, and what it took.
struct Course {
  struct Step {
    int64_t epochs;
    double regret;
  };
  std::vector<Step> steps;
  Simulation whole;

  double RegretAfter(int64_t epochs) const {
    double regret = std::numeric_limits<double>::infinity();
    for (const Step& step : steps) {
      if (step.epochs <= epochs) regret = step.regret;
    }
    return regret;
  }
};

Course Simulated(const RecordedCurves& curves, v1::StudySpec spec, int seed, int slots) {
  spec.mutable_search()->set_seed(static_cast<uint64_t>(seed));
  std::unordered_map<int64_t, int> nearest;  // by trial: to look for it is what costs
  const auto curve_of = [&](const v1::Trial& trial) {
    const auto [found, is_new] = nearest.try_emplace(trial.number(), 0);
    if (is_new) found->second = curves.Nearest(trial);
    return found->second;
  };
  SimulationOptions options;
  options.slots = slots;
  options.objective = [&](const v1::Trial& trial, int64_t replicate, int64_t epoch) {
    return curves.Objective(curve_of(trial), replicate, epoch);
  };
  options.epoch_seconds = [&](const v1::Trial& trial) {
    return curves.EpochSeconds(curve_of(trial));
  };
  Course course;
  course.whole = Simulate(spec, options);
  const double best = curves.Best();
  double regret = std::numeric_limits<double>::infinity();
  for (const Simulation::Step& step : course.whole.incumbents) {
    const v1::Trial& trial = course.whole.trials[static_cast<size_t>(step.trial)];
    regret = std::min(regret, curves.Final(curve_of(trial)) - best);
    course.steps.push_back({step.epochs, regret});
  }
  return course;
}

std::vector<double> RegretsAfter(absl::Span<const Course> courses, int64_t epochs) {
  std::vector<double> regrets;
  for (const Course& course : courses) regrets.push_back(course.RegretAfter(epochs));
  return regrets;
}

SweepFigures FiguresOf(absl::Span<const Course> courses) {
  SweepFigures figures;
  const auto count = static_cast<double>(courses.size());
  int64_t longest = 1;
  for (const Course& course : courses) {
    figures.trials += static_cast<double>(course.whole.trials.size()) / count;
    figures.epochs += static_cast<double>(course.whole.epochs) / count;
    figures.core_seconds += course.whole.core_seconds / count;
    figures.seconds += course.whole.seconds / count;
    longest = std::max(longest, course.whole.epochs);
  }
  const std::vector<double> at_end = RegretsAfter(courses, longest);
  figures.regret = statistics::Mean(at_end);
  if (std::isfinite(figures.regret)) {
    figures.regret_interval = statistics::StudentInterval(at_end, kLevel);
  }
  for (int64_t i = 1; i <= kCoursePoints; ++i) {
    const int64_t epochs = std::max<int64_t>(1, longest * i / kCoursePoints);
    const std::vector<double> regrets = RegretsAfter(courses, epochs);
    const double mean = statistics::Mean(regrets);
    if (!std::isfinite(mean)) continue;
    if (!figures.course.empty() && figures.course.back().epochs == epochs) continue;
    figures.course.push_back(
        {epochs, mean,
         statistics::StudentInterval(regrets, kLevel).value_or(statistics::Interval{mean, mean})});
  }
  return figures;
}

// The first number of epochs after which the mean regret is `wanted` or less.
std::optional<int64_t> EpochsTo(double wanted, absl::Span<const Course> courses) {
  std::set<int64_t> changes;
  for (const Course& course : courses) {
    for (const Course::Step& step : course.steps) changes.insert(step.epochs);
  }
  for (const int64_t epochs : changes) {
    if (statistics::Mean(RegretsAfter(courses, epochs)) <= wanted) return epochs;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<SimulatedSweep> ReadSimulatedSweep(const std::string& text, const std::string& file,
                                                  const v1::StudySpec& recorded) {
  const auto put_into_recorded = [&](v1::StudySpec& spec) -> absl::Status {
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    spec.GetReflection()->ListFields(spec, &fields);
    for (const auto* field : fields) {
      if (field->name() != "search" && field->name() != "budget") {
        return absl::InvalidArgumentError(
            absl::StrCat(field->name(), ": is that of the recording; legal are search and budget"));
      }
    }
    v1::StudySpec whole = recorded;
    *whole.mutable_search() = spec.search();
    *whole.mutable_budget() = spec.budget();
    spec = std::move(whole);
    return absl::OkStatus();
  };
  SimulatedSweep sweep;
  sweep.name = std::filesystem::path(file).stem().string();
  TP_ASSIGN_OR_RETURN(sweep.spec, spec::ParseAndCompleteStudy(text, file, put_into_recorded));
  return sweep;
}

std::vector<SweepFigures> CompareSweeps(const RecordedCurves& curves,
                                        absl::Span<const SimulatedSweep> sweeps,
                                        const ComparisonOptions& options) {
  std::vector<SweepFigures> all;
  for (const int slots : options.slots) {
    double wanted = 0;
    for (const SimulatedSweep& sweep : sweeps) {
      std::vector<Course> courses;
      for (int seed = 1; seed <= options.seeds; ++seed) {
        courses.push_back(Simulated(curves, sweep.spec, seed, slots));
      }
      SweepFigures figures = FiguresOf(courses);
      figures.slots = slots;
      figures.sweep = sweep.name;
      if (&sweep == &sweeps.front()) wanted = figures.regret;
      figures.epochs_to_first = EpochsTo(wanted, courses);
      all.push_back(std::move(figures));
    }
  }
  return all;
}

std::string ToTable(absl::Span<const SweepFigures> figures) {
  size_t width = 5;
  for (const SweepFigures& row : figures) width = std::max(width, row.sweep.size());
  std::string text = absl::StrFormat("%5s  %-*s  %8s  %9s  %10s  %10s  %10s  %-22s  %s\n", "slots",
                                     width, "sweep", "trials", "epochs", "core-hours", "hours",
                                     "regret", "95 %", "epochs to first's regret");
  double first_epochs = 0;
  for (const SweepFigures& row : figures) {
    if (row.sweep == figures.front().sweep) first_epochs = row.epochs;
    const std::string interval =
        row.regret_interval
            ? absl::StrFormat("%.3g to %.3g", row.regret_interval->low, row.regret_interval->high)
            : "-";
    const std::string to_first =
        row.epochs_to_first
            ? absl::StrFormat("%d (%.2f of its epochs)", *row.epochs_to_first,
                              static_cast<double>(*row.epochs_to_first) / first_epochs)
            : "not reached";
    absl::StrAppendFormat(&text, "%5d  %-*s  %8.1f  %9.0f  %10.3g  %10.3g  %10.3g  %-22s  %s\n",
                          row.slots, width, row.sweep, row.trials, row.epochs,
                          row.core_seconds / 3600, row.seconds / 3600, row.regret, interval,
                          to_first);
  }
  return text;
}

std::string ToCsv(absl::Span<const SweepFigures> figures) {
  std::string text = "slots,sweep,epochs,regret,low,high\n";
  for (const SweepFigures& row : figures) {
    for (const SweepFigures::Point& point : row.course) {
      absl::StrAppendFormat(&text, "%d,%s,%d,%.6g,%.6g,%.6g\n", row.slots, row.sweep, point.epochs,
                            point.regret, point.interval.low, point.interval.high);
    }
  }
  return text;
}

}  // namespace tpsweep::server
