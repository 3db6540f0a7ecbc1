// The constructors of all schedulers, for the table in scheduler.cc. Each is in the file
// of its name.
#pragma once

#include <memory>

#include "server/schedule/scheduler.h"

namespace tpsweep::server {

std::unique_ptr<Scheduler> MakeNoScheduler(const v1::StudySpec& spec);
std::unique_ptr<Scheduler> MakeMedian(const v1::StudySpec& spec);
std::unique_ptr<Scheduler> MakeAsha(const v1::StudySpec& spec);
std::unique_ptr<Scheduler> MakeHyperband(const v1::StudySpec& spec);
std::unique_ptr<Scheduler> MakePasha(const v1::StudySpec& spec);
std::unique_ptr<Scheduler> MakeOneEpoch(const v1::StudySpec& spec);
std::unique_ptr<Scheduler> MakePbt(const v1::StudySpec& spec);

}  // namespace tpsweep::server
