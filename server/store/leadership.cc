#include "server/store/leadership.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "server/store/postgres_schema.h"

namespace tpsweep::server {
namespace {

std::string RandomName() {
  std::random_device device;
  const uint64_t bits = uint64_t{device()} << 32 | device();
  return absl::StrCat(absl::Hex(bits, absl::kZeroPad16));
}

}  // namespace

Leadership::Leadership(LeadershipOptions options, Clock& clock)
    : options_(std::move(options)),
      holder_(RandomName()),
      clock_(clock),
      connection_(writer(), PostgresPool::Access::kWrite, 1) {}

Leadership::~Leadership() {
  {
    MutexLock lock(mu_);
    is_stopping_ = true;
    wake_.NotifyAll();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  if (!Leads()) return;
  if (const auto transaction = connection_.Begin(); transaction.ok()) {
    if (GiveUpLease(**transaction, epoch()).ok()) (*transaction)->Execute("COMMIT").IgnoreError();
  }
}

absl::StatusOr<bool> Leadership::Take() {
  if (!is_prepared_) {
    TP_ASSIGN_OR_RETURN(const auto connection, PostgresConnection::Open(writer()));
    TP_RETURN_IF_ERROR(PrepareSchema(*connection, PostgresSteps()));
    is_prepared_ = true;
  }
  const absl::Duration now = clock_.Elapsed();
  TP_ASSIGN_OR_RETURN(const PostgresPool::Transaction transaction, connection_.Begin());
  TP_ASSIGN_OR_RETURN(LeaseState lease,
                      TakeLease(*transaction, holder_, options_.address, options_.expires_after));
  TP_RETURN_IF_ERROR(transaction->Execute("COMMIT"));
  const bool is_ours = lease.holder == holder_;
  {
    MutexLock lock(mu_);
    lease_ = std::move(lease);
    if (is_ours) sure_at_ = now;
    is_lost_ = !is_ours;
  }
  if (is_ours) thread_ = std::thread([this] { KeepRenewing(); });
  return is_ours;
}

void Leadership::KeepRenewing() {
  while (WaitToRenew()) {
    const absl::Duration now = clock_.Elapsed();
    const absl::Status status = Renew();
    if (!status.ok()) Log(LogLevel::kWarning, "lease.not_renewed", {{"why", status.message()}});
    MutexLock lock(mu_);
    if (absl::IsFailedPrecondition(status)) is_lost_ = true;
    if (status.ok() && LeadsStill()) sure_at_ = now;
  }
}

bool Leadership::WaitToRenew() {
  const absl::Duration until = clock_.Elapsed() + options_.renew_every;
  MutexLock lock(mu_);
  while (!is_stopping_ && clock_.Elapsed() < until) {
    clock_.WaitFor(wake_, mu_, until - clock_.Elapsed());
  }
  return !is_stopping_ && LeadsStill();
}

absl::Status Leadership::Renew() {
  absl::Status renewed = [&]() -> absl::Status {
    TP_ASSIGN_OR_RETURN(const PostgresPool::Transaction transaction, connection_.Begin());
    TP_RETURN_IF_ERROR(RenewLease(*transaction, epoch(), options_.address));
    return transaction->Execute("COMMIT");
  }();
  if (renewed.ok() || absl::IsFailedPrecondition(renewed)) return renewed;
  // A database that cannot be written (a full disk) can be read, and nobody else can take
  // the lease either.
  TP_ASSIGN_OR_RETURN(const PostgresPool::Transaction transaction, connection_.Begin());
  TP_ASSIGN_OR_RETURN(const LeaseState lease, ReadLease(*transaction));
  return lease.epoch == epoch() ? absl::OkStatus() : renewed;
}

bool Leadership::Leads() {
  MutexLock lock(mu_);
  return LeadsStill();
}

bool Leadership::LeadsStill() {
  is_lost_ = is_lost_ || clock_.Elapsed() - sure_at_ >= options_.expires_after;
  return !is_lost_;
}

int64_t Leadership::epoch() const {
  MutexLock lock(mu_);
  return lease_.epoch;
}

std::string Leadership::leader_address() const {
  MutexLock lock(mu_);
  return lease_.address;
}

}  // namespace tpsweep::server
