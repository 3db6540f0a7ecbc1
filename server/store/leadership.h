// Which of several coordinators on one PostgreSQL database leads: the one that has the
// lease (postgres_lease.h). It renews it on a thread of its own; when it does not, for
// it died, hangs or has lost the database, another takes it.
//
// That only one writes does not depend on this: every write carries the lease's epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "server/store/postgres_connection.h"
#include "server/store/postgres_lease.h"
#include "server/store/postgres_pool.h"

namespace tpsweep::server {

struct LeadershipOptions {
  std::string uri;      // of the database
  std::string address;  // under which others reach this coordinator
  absl::Duration renew_every = absl::Seconds(2);
  absl::Duration expires_after = absl::Seconds(6);
};

// Thread-safe.
class Leadership {
 public:
  // Prepares the database (postgres_schema.h); leads nothing yet. `clock` must outlive it.
  //   kFailedPrecondition   it is not, or not yet, a tpsweep store that this program knows
  //   kUnavailable          it cannot be reached or written
  static absl::StatusOr<std::unique_ptr<Leadership>> Open(LeadershipOptions options, Clock& clock);
  // Gives up what it has, so that another can lead at once.
  ~Leadership();

  // Tries to become the leader. True: it is, and stays it as long as Leads says.
  absl::StatusOr<bool> Take();

  // False for good once another has taken over, or when it could not be made sure for the
  // life of the lease that none has.
  bool Leads() const;

  int64_t epoch() const;
  // Where the leader writes.
  PostgresTarget writer() const { return {options_.uri, WriterName(holder_)}; }
  // Of whoever led at the last Take; may be empty.
  std::string leader_address() const;

 private:
  Leadership(LeadershipOptions options, std::string holder, Clock& clock);
  void KeepRenewing();
  // False: there is nothing more to renew.
  bool WaitToRenew();
  absl::Status Renew();

  const LeadershipOptions options_;
  const std::string holder_;
  Clock& clock_;
  PostgresPool connection_;
  std::thread thread_;

  mutable Mutex mu_;
  CondVar wake_;
  LeaseState lease_ ABSL_GUARDED_BY(mu_);
  absl::Duration sure_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();  // on Clock::Elapsed
  bool is_lost_ ABSL_GUARDED_BY(mu_) = false;
  bool is_stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tpsweep::server
