// The reads of a store whose tables are asked in SQL (sql.h): what SQLite and
// PostgreSQL have in common.
//
// `Readers` lends connections: Begin() gives a snapshot, which sees one committed
// state, and whose connection prepares the statements of sql.h. The definitions are
// in sql_reads_impl.h; each engine instantiates them once.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/store.h"

namespace tpsweep::server {

template <class Readers>
class SqlReads : public Store {
 public:
  absl::StatusOr<v1::Study> GetStudy(absl::string_view name) const override;
  absl::StatusOr<v1::Run> GetRun(absl::string_view name) const override;
  absl::StatusOr<Page<v1::Study>> ListStudies(const StudyFilter& filter,
                                              const PageRequest& page) const override;
  absl::StatusOr<Page<v1::Trial>> ListTrials(const TrialFilter& filter,
                                             const PageRequest& page) const override;
  absl::StatusOr<Page<v1::Run>> ListRuns(const RunFilter& filter,
                                         const PageRequest& page) const override;
  absl::StatusOr<Page<v1::MeasurementRecord>> ListMeasurements(
      const MeasurementFilter& filter, const PageRequest& page) const override;
  absl::StatusOr<std::vector<v1::Attempt>> OpenAttempts() const override;
  absl::StatusOr<int64_t> LastSequence(absl::string_view attempt) const override;
  absl::StatusOr<std::vector<v1::Trial>> BestTrials(absl::string_view study, v1::Goal goal,
                                                    int count) const override;
  absl::StatusOr<std::vector<v1::Event>> ListEvents(absl::string_view study, int64_t after_revision,
                                                    int limit) const override;
  absl::StatusOr<int64_t> LastRevision() const override;

 protected:
  // The arguments are those of Readers' constructor.
  template <class... Arguments>
  explicit SqlReads(Arguments&&... arguments) : readers_(std::forward<Arguments>(arguments)...) {}

  mutable Readers readers_;
};

}  // namespace tpsweep::server
