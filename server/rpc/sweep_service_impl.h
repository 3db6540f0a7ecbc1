// SweepService: decode, call, answer. No logic.
#pragma once

#include "server/coordinator/coordinator.h"
#include "server/coordinator/queries.h"
#include "server/rpc/watch_hub.h"
#include "tpsweep/v1/sweep_service.grpc.pb.h"

namespace tpsweep::server {

// Thread-safe.
class SweepServiceImpl final : public v1::SweepService::CallbackService {
 public:
  // All three must outlive this object.
  SweepServiceImpl(Coordinator& coordinator, const Queries& queries, WatchHub& watch_hub)
      : coordinator_(coordinator), queries_(queries), watch_hub_(watch_hub) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* CreateStudy(Context*, const v1::CreateStudyRequest*, v1::Study*) override;
  Reactor* GetStudy(Context*, const v1::GetStudyRequest*, v1::Study*) override;
  Reactor* ListStudies(Context*, const v1::ListStudiesRequest*, v1::ListStudiesResponse*) override;
  Reactor* PauseStudy(Context*, const v1::StudyRequest*, v1::Study*) override;
  Reactor* ResumeStudy(Context*, const v1::StudyRequest*, v1::Study*) override;
  Reactor* CancelStudy(Context*, const v1::StudyRequest*, v1::Study*) override;
  Reactor* DeleteStudy(Context*, const v1::StudyRequest*, google::protobuf::Empty*) override;
  Reactor* ListTrials(Context*, const v1::ListTrialsRequest*, v1::ListTrialsResponse*) override;
  Reactor* ListRuns(Context*, const v1::ListRunsRequest*, v1::ListRunsResponse*) override;
  Reactor* ListMeasurements(Context*, const v1::ListMeasurementsRequest*,
                            v1::ListMeasurementsResponse*) override;
  Reactor* BestTrials(Context*, const v1::BestTrialsRequest*, v1::BestTrialsResponse*) override;
  Reactor* ListWorkers(Context*, const v1::ListWorkersRequest*, v1::ListWorkersResponse*) override;
  Reactor* ExtendStudy(Context*, const v1::ExtendStudyRequest*, v1::Study*) override;
  Reactor* ExtendTrial(Context*, const v1::ExtendTrialRequest*, v1::Study*) override;
  Reactor* RetryRuns(Context*, const v1::RetryRunsRequest*, v1::Study*) override;
  Reactor* Explain(Context*, const v1::ExplainRequest*, v1::Explanation*) override;
  Reactor* PreviewStudy(Context*, const v1::PreviewStudyRequest*, v1::Preview*) override;
  grpc::ServerWriteReactor<v1::Event>* Watch(Context*, const v1::WatchRequest*) override;

 private:
  Coordinator& coordinator_;
  const Queries& queries_;
  WatchHub& watch_hub_;
};

}  // namespace tpsweep::server
