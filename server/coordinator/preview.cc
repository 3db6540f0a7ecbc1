// What a sweep will use, by running it in virtual time with made-up learning curves.
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "common/spec/grid_size.h"
#include "common/spec/validate.h"
#include "common/status_macros.h"
#include "google/protobuf/util/message_differencer.h"
#include "server/coordinator/queries.h"
#include "server/coordinator/read_all.h"
#include "server/coordinator/simulation.h"

namespace tpsweep::server {
namespace {

constexpr int kMostSlots = 4096;
constexpr double kMostRuns = 1e6;  // more would take minutes
constexpr int kStudiesLookedAt = 50;

// Falls towards a limit of the trial's own: what makes schedulers decide as they do on the
// average, when nothing is known of the curves.
double MadeUp(const v1::Trial& trial, int64_t replicate, int64_t epoch) {
  const double limit =
      RandomStream(DeriveSeed(1, static_cast<uint64_t>(trial.number()))).NextUniform();
  const double noise =
      RandomStream(DeriveSeed(DeriveSeed(DeriveSeed(2, static_cast<uint64_t>(trial.number())),
                                         static_cast<uint64_t>(replicate)),
                              static_cast<uint64_t>(epoch)))
          .NextUniform();
  return limit + 1 / std::sqrt(static_cast<double>(epoch)) + 0.05 * noise;
}

// Whether epochs of `a` and `b` take the same time, as far as can be seen.
bool IsAlike(const v1::TrainingSpec& a, const v1::TrainingSpec& b) {
  return a.dataset().name() == b.dataset().name() && a.rule_case() == b.rule_case() &&
         a.batch_size() == b.batch_size() && a.precision() == b.precision() &&
         a.dataset().train_samples() == b.dataset().train_samples() &&
         google::protobuf::util::MessageDifferencer::Equals(a.network(), b.network()) &&
         google::protobuf::util::MessageDifferencer::Equals(a.feedback_schedule(),
                                                            b.feedback_schedule());
}

}  // namespace

absl::StatusOr<v1::Preview> Queries::PreviewStudy(const v1::PreviewStudyRequest& request) const {
  v1::StudySpec spec = request.spec();
  TP_RETURN_IF_ERROR(spec::Complete(spec));
  if (request.slots() < 1 || request.slots() > kMostSlots) {
    return absl::InvalidArgumentError(
        absl::StrCat("slots: ", request.slots(), " is not from 1 to ", kMostSlots));
  }
  if (!(request.epoch_seconds() >= 0) || std::isinf(request.epoch_seconds())) {
    return absl::InvalidArgumentError(
        absl::StrCat("epoch_seconds: ", request.epoch_seconds(), " is not a time"));
  }
  double runs = static_cast<double>(spec::TrialCount(spec)) * spec.search().replicates();
  if (spec.search().scheduler().has_pbt()) {  // half of the population at each rung, at most
    runs *= 1 + static_cast<double>(spec.training().epochs()) /
                    (2 * static_cast<double>(spec.search().scheduler().pbt().every()));
  }
  if (runs > kMostRuns) {
    return absl::InvalidArgumentError(
        absl::StrCat("a sweep of ", runs, " runs is too large for a preview"));
  }
  v1::Preview preview;
  double epoch_seconds = request.epoch_seconds();
  if (epoch_seconds > 0) {
    preview.set_basis("as given");
  } else {
    TP_ASSIGN_OR_RETURN(epoch_seconds, EpochSecondsOf(spec, *preview.mutable_basis()));
  }
  SimulationOptions options;
  options.slots = request.slots();
  options.objective = MadeUp;
  if (epoch_seconds > 0) {
    options.epoch_seconds = [epoch_seconds](const v1::Trial&) { return epoch_seconds; };
  }
  if (epoch_seconds == 0 &&
      (spec.budget().core_seconds() > 0 || spec.budget().wall_seconds() > 0)) {
    return absl::FailedPreconditionError(
        "the budget is in seconds, and how long an epoch takes is not known: say so "
        "(epoch_seconds)");
  }
  const Simulation simulation = Simulate(spec, options);
  std::map<int64_t, int64_t> stops;
  for (const v1::Trial& trial : simulation.trials) ++stops[trial.epochs()];
  preview.set_trials(static_cast<int64_t>(simulation.trials.size()));
  preview.set_runs(simulation.runs);
  preview.set_epochs(simulation.epochs);
  for (const auto& [epochs, trials] : stops) {
    v1::Preview::Stop& stop = *preview.add_stops();
    stop.set_epochs(epochs);
    stop.set_trials(trials);
  }
  if (epoch_seconds > 0) {
    preview.set_core_seconds(simulation.core_seconds);
    preview.set_seconds(simulation.seconds);
  }
  return preview;
}

absl::StatusOr<double> Queries::EpochSecondsOf(const v1::StudySpec& spec,
                                               std::string& basis) const {
  v1::Trial first;  // the first configuration stands for all
  const Search search(spec);
  const auto next = search.Propose();
  if (!next) return 0;
  for (const v1::Assignment& assignment : next->configuration) *first.add_parameters() = assignment;
  TP_ASSIGN_OR_RETURN(const v1::TrainingSpec wanted, spec::Configure(spec, first, 0));
  TP_ASSIGN_OR_RETURN(Page<v1::Study> studies, store_.ListStudies({}, {1000, ""}));
  int looked_at = 0;
  for (auto study = studies.items.rbegin();
       study != studies.items.rend() && looked_at < kStudiesLookedAt; ++study, ++looked_at) {
    TP_ASSIGN_OR_RETURN(const Page<v1::Run> runs,
                        store_.ListRuns({study->name(), {v1::RUN_STATE_SUCCEEDED}}, {20, ""}));
    TP_ASSIGN_OR_RETURN(const Page<v1::Trial> trials,
                        store_.ListTrials({study->name(), {}}, {1000, ""}));
    double sum = 0;
    int count = 0;
    for (const v1::Run& run : runs.items) {
      if (run.trial() >= static_cast<int64_t>(trials.items.size())) continue;
      const auto training = spec::Configure(
          study->spec(), trials.items[static_cast<size_t>(run.trial())], run.replicate());
      const auto seconds = run.latest().scalars().find("seconds");
      if (!training.ok() || seconds == run.latest().scalars().end()) continue;
      if (!IsAlike(*training, wanted)) continue;
      sum += seconds->second;
      ++count;
    }
    if (count == 0) continue;
    basis = absl::StrCat("the mean of ", count, " runs of study '", study->spec().study(), "'");
    return sum / count;
  }
  basis = "not known: no run like these has ended on this server";
  return 0;
}

}  // namespace tpsweep::server
