// What the coordinator must remember: one interface, several engines (memory,
// SQLite), one conformance suite over all of them (tests/conformance).
//
// Thread-safe. Reads see only what has been committed, and wait for no writer.
// Errors: kUnavailable when the medium cannot be read or written (full, gone),
// with the reason; the same call may succeed later. kDataLoss when what is
// stored does not read back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tpsweep/v1/measurement.pb.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

// Measurements of an attempt that go, by their sequences.
struct Thinning {
  std::string attempt{};
  std::vector<int64_t> sequences{};
};

// Changes that become durable together or not at all. Records replace those of
// the same name; a measurement whose (attempt, sequence) is there is ignored, and
// so is the removal of what is not there.
struct WriteBatch {
  std::vector<std::string> deleted_studies{};  // with all that belongs to them; done first
  std::vector<v1::Study> studies{};
  std::vector<v1::Trial> trials{};
  std::vector<v1::Run> runs{};
  std::vector<v1::Attempt> attempts{};
  std::vector<v1::MeasurementRecord> measurements{};
  std::vector<Thinning> thinnings{};  // done after them
  std::vector<v1::Event> events{};    // revision set by the caller, ever growing

  bool empty() const {
    return deleted_studies.empty() && studies.empty() && trials.empty() && runs.empty() &&
           attempts.empty() && measurements.empty() && thinnings.empty() && events.empty();
  }
};

// Part of a list: at most `size` items (brought into [1, 1000]), fewer if they are
// large. `token` is opaque: empty for the first page, and as given in
// `next_token` for the following ones (kInvalidArgument if it is neither).
struct PageRequest {
  int size = 100;
  std::string token{};
};
template <class T>
struct Page {
  std::vector<T> items{};
  std::string next_token{};  // empty: the last page
};

struct StudyFilter {
  std::vector<v1::StudyState> states{};  // empty: all
  std::string name_prefix{};             // of the name without studies/
};
struct TrialFilter {
  std::string study{};  // studies/S
  std::vector<v1::TrialState> states{};
};
struct RunFilter {
  std::string parent{};  // studies/S or studies/S/trials/3
  std::vector<v1::RunState> states{};
};
struct MeasurementFilter {
  std::string parent{};  // studies/S, a trial or a run
  // Otherwise those that count: what an attempt measured after the place where a
  // later one went on (Attempt.start_sequence) does not.
  bool all_attempts = false;
};

class Store {
 public:
  virtual ~Store() = default;

  // Makes all batches durable in one transaction, in order. Returns only when
  // they would survive a loss of power. On an error nothing is changed.
  //   kNotFound         a record's parent (the study of a trial, the trial of a
  //                     run, the run of an attempt, the attempt of a
  //                     measurement) is not there, nor earlier in the batches
  //   kInvalidArgument  a name is not one, a sequence is below 1, or an event's
  //                     revision is not above all before it
  virtual absl::Status Commit(absl::Span<const WriteBatch> batches) = 0;

  // Gives the room of what was removed back to the medium, if it was kept for later; may
  // need as much room again for as long as it takes. Nothing else may use the store then.
  virtual absl::Status GiveBackRoom() = 0;

  // Here and below: kNotFound names what is missing, be it the record or the
  // study, trial or run that a list is of; kInvalidArgument says why a name is
  // not one.
  virtual absl::StatusOr<v1::Study> GetStudy(absl::string_view name) const = 0;
  virtual absl::StatusOr<v1::Run> GetRun(absl::string_view name) const = 0;

  // In order of creation; trials by number; runs by trial and replicate;
  // measurements by run, attempt and sequence; attempts by run and number.
  virtual absl::StatusOr<Page<v1::Study>> ListStudies(const StudyFilter& filter,
                                                      const PageRequest& page) const = 0;
  virtual absl::StatusOr<Page<v1::Trial>> ListTrials(const TrialFilter& filter,
                                                     const PageRequest& page) const = 0;
  virtual absl::StatusOr<Page<v1::Run>> ListRuns(const RunFilter& filter,
                                                 const PageRequest& page) const = 0;
  virtual absl::StatusOr<Page<v1::MeasurementRecord>> ListMeasurements(
      const MeasurementFilter& filter, const PageRequest& page) const = 0;

  // Attempts that have not ended (outcome UNSPECIFIED), of every study.
  virtual absl::StatusOr<std::vector<v1::Attempt>> OpenAttempts() const = 0;

  // Highest sequence stored for an attempt; 0 if none.
  virtual absl::StatusOr<int64_t> LastSequence(absl::string_view attempt) const = 0;

  // Succeeded trials of a study by objective, best first, at most `count`. Ties
  // by number; those without an objective, or with a NaN, come last.
  virtual absl::StatusOr<std::vector<v1::Trial>> BestTrials(absl::string_view study, v1::Goal goal,
                                                            int count) const = 0;

  // Events above `after_revision` in order, at most `limit`; of one study
  // (studies/S; it need not be there any more), or of all if `study` is empty.
  virtual absl::StatusOr<std::vector<v1::Event>> ListEvents(absl::string_view study,
                                                            int64_t after_revision,
                                                            int limit) const = 0;

  // Highest revision ever stored, even if its study is gone since; 0 if none.
  virtual absl::StatusOr<int64_t> LastRevision() const = 0;
};

}  // namespace tpsweep::server
