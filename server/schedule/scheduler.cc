#include "server/schedule/scheduler.h"

#include "server/schedule/schedulers.h"

namespace tpsweep::server {
namespace {

constexpr SchedulerEntry kSchedulers[] = {
    {v1::Scheduler::kNone, &MakeNoScheduler}, {v1::Scheduler::kMedian, &MakeMedian},
    {v1::Scheduler::kAsha, &MakeAsha},        {v1::Scheduler::kHyperband, &MakeHyperband},
    {v1::Scheduler::kPasha, &MakePasha},      {v1::Scheduler::kOneEpoch, &MakeOneEpoch},
    {v1::Scheduler::kPbt, &MakePbt},
};

}  // namespace

absl::Span<const SchedulerEntry> Schedulers() { return kSchedulers; }

std::unique_ptr<Scheduler> MakeScheduler(const v1::StudySpec& spec) {
  for (const SchedulerEntry& entry : kSchedulers) {
    if (entry.kind == spec.search().scheduler().algorithm_case()) return entry.make(spec);
  }
  return nullptr;  // no validated spec gets here
}

}  // namespace tpsweep::server
