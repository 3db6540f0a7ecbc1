// Which of several coordinators on one PostgreSQL database leads: the one that has the
// lease (postgres_lease.h). It renews it on a thread of its own; when it does not, for
// it died, hangs or has lost the database, another takes it.
//
// That only one writes does not depend on this: every write carries the lease's epoch.
#pragma once

#include <cstdint>
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

// Thread-safe, but Take is called by one thread.
class Leadership {
 public:
  // Connects when it is used. `clock` must outlive it.
  Leadership(LeadershipOptions options, Clock& clock);
  // Gives up what it has, so that another can lead at once.
  ~Leadership();

  // Tries to become the leader; prepares the database for it (postgres_schema.h). True: it
  // is, and stays it as long as Leads says; it is not to be asked again.
  //   kFailedPrecondition   the database is not a tpsweep store that this program knows
  //   kUnavailable          it cannot be reached or written
  absl::StatusOr<bool> Take();

  // False for good once another has taken over, or when it could not be made sure for the
  // life of the lease that none has.
  bool Leads();

  int64_t epoch() const;
  // Where the leader writes.
  PostgresTarget writer() const { return {options_.uri, WriterName(holder_)}; }
  // Of whoever led at the last Take; may be empty.
  std::string leader_address() const;

 private:
  void KeepRenewing();
  // False: there is nothing more to renew.
  bool WaitToRenew();
  absl::Status Renew();
  bool LeadsStill() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const LeadershipOptions options_;
  const std::string holder_;
  Clock& clock_;
  PostgresPool connection_;
  bool is_prepared_ = false;
  std::thread thread_;

  mutable Mutex mu_;
  CondVar wake_;
  LeaseState lease_ ABSL_GUARDED_BY(mu_);
  absl::Duration sure_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();  // on Clock::Elapsed
  bool is_lost_ ABSL_GUARDED_BY(mu_) = false;
  bool is_stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tpsweep::server
