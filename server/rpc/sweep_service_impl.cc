#include "server/rpc/sweep_service_impl.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/names.h"
#include "server/rpc/status.h"

namespace tpsweep::server {
namespace {

template <class T>
void Finish(grpc::ServerUnaryReactor* reactor, absl::StatusOr<T> answer, T* out) {
  if (answer.ok()) *out = *std::move(answer);
  reactor->Finish(ToGrpc(answer.status()));
}

template <class T>
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, absl::StatusOr<T> answer,
                                 T* out) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Finish(reactor, std::move(answer), out);
  return reactor;
}

// For changes: finishes the call when the coordinator answers.
Coordinator::StudyAnswer Later(grpc::ServerUnaryReactor* reactor, v1::Study* out) {
  return
      [reactor, out](absl::StatusOr<v1::Study> study) { Finish(reactor, std::move(study), out); };
}

absl::Status Check(const v1::WatchRequest& request) {
  if (request.after_revision() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("after_revision: ", request.after_revision(), " is below 0"));
  }
  if (!request.study().empty()) return ParseStudyName(request.study()).status();
  if (!request.until_study_ends()) return absl::OkStatus();
  return absl::InvalidArgumentError("until_study_ends: needs study to be set");
}

// A watch that never begins.
class Refusal final : public grpc::ServerWriteReactor<v1::Event> {
 public:
  explicit Refusal(const absl::Status& why) { Finish(ToGrpc(why)); }
  void OnDone() override { delete this; }
};

}  // namespace

SweepServiceImpl::Reactor* SweepServiceImpl::CreateStudy(Context* context,
                                                         const v1::CreateStudyRequest* in,
                                                         v1::Study* out) {
  Reactor* reactor = context->DefaultReactor();
  coordinator_.CreateStudy(*in, Later(reactor, out));
  return reactor;
}

SweepServiceImpl::Reactor* SweepServiceImpl::PauseStudy(Context* context,
                                                        const v1::StudyRequest* in,
                                                        v1::Study* out) {
  Reactor* reactor = context->DefaultReactor();
  coordinator_.PauseStudy(in->name(), Later(reactor, out));
  return reactor;
}

SweepServiceImpl::Reactor* SweepServiceImpl::ResumeStudy(Context* context,
                                                         const v1::StudyRequest* in,
                                                         v1::Study* out) {
  Reactor* reactor = context->DefaultReactor();
  coordinator_.ResumeStudy(in->name(), Later(reactor, out));
  return reactor;
}

SweepServiceImpl::Reactor* SweepServiceImpl::CancelStudy(Context* context,
                                                         const v1::StudyRequest* in,
                                                         v1::Study* out) {
  Reactor* reactor = context->DefaultReactor();
  coordinator_.CancelStudy(in->name(), Later(reactor, out));
  return reactor;
}

SweepServiceImpl::Reactor* SweepServiceImpl::DeleteStudy(Context* context,
                                                         const v1::StudyRequest* in,
                                                         google::protobuf::Empty*) {
  Reactor* reactor = context->DefaultReactor();
  coordinator_.DeleteStudy(
      in->name(), [reactor](const absl::Status& deleted) { reactor->Finish(ToGrpc(deleted)); });
  return reactor;
}

SweepServiceImpl::Reactor* SweepServiceImpl::GetStudy(Context* context,
                                                      const v1::GetStudyRequest* in,
                                                      v1::Study* out) {
  return Answer(context, queries_.GetStudy(*in), out);
}

SweepServiceImpl::Reactor* SweepServiceImpl::ListStudies(Context* context,
                                                         const v1::ListStudiesRequest* in,
                                                         v1::ListStudiesResponse* out) {
  return Answer(context, queries_.ListStudies(*in), out);
}

SweepServiceImpl::Reactor* SweepServiceImpl::ListTrials(Context* context,
                                                        const v1::ListTrialsRequest* in,
                                                        v1::ListTrialsResponse* out) {
  return Answer(context, queries_.ListTrials(*in), out);
}

SweepServiceImpl::Reactor* SweepServiceImpl::ListRuns(Context* context,
                                                      const v1::ListRunsRequest* in,
                                                      v1::ListRunsResponse* out) {
  return Answer(context, queries_.ListRuns(*in), out);
}

SweepServiceImpl::Reactor* SweepServiceImpl::ListMeasurements(Context* context,
                                                              const v1::ListMeasurementsRequest* in,
                                                              v1::ListMeasurementsResponse* out) {
  return Answer(context, queries_.ListMeasurements(*in), out);
}

SweepServiceImpl::Reactor* SweepServiceImpl::BestTrials(Context* context,
                                                        const v1::BestTrialsRequest* in,
                                                        v1::BestTrialsResponse* out) {
  return Answer(context, queries_.BestTrials(*in), out);
}

SweepServiceImpl::Reactor* SweepServiceImpl::ListWorkers(Context* context,
                                                         const v1::ListWorkersRequest*,
                                                         v1::ListWorkersResponse* out) {
  return Answer(context, queries_.ListWorkers(), out);
}

SweepServiceImpl::Reactor* SweepServiceImpl::ExtendStudy(Context* context,
                                                         const v1::ExtendStudyRequest* in,
                                                         v1::Study* out) {
  Reactor* reactor = context->DefaultReactor();
  coordinator_.ExtendStudy(*in, Later(reactor, out));
  return reactor;
}

SweepServiceImpl::Reactor* SweepServiceImpl::ExtendTrial(Context* context,
                                                         const v1::ExtendTrialRequest* in,
                                                         v1::Study* out) {
  Reactor* reactor = context->DefaultReactor();
  coordinator_.ExtendTrial(*in, Later(reactor, out));
  return reactor;
}

SweepServiceImpl::Reactor* SweepServiceImpl::RetryRuns(Context* context,
                                                       const v1::RetryRunsRequest* in,
                                                       v1::Study* out) {
  Reactor* reactor = context->DefaultReactor();
  coordinator_.RetryRuns(*in, Later(reactor, out));
  return reactor;
}

SweepServiceImpl::Reactor* SweepServiceImpl::Explain(Context* context, const v1::ExplainRequest* in,
                                                     v1::Explanation* out) {
  return Answer(context, queries_.Explain(*in), out);
}

SweepServiceImpl::Reactor* SweepServiceImpl::PreviewStudy(Context* context,
                                                          const v1::PreviewStudyRequest* in,
                                                          v1::Preview* out) {
  return Answer(context, queries_.PreviewStudy(*in), out);
}

grpc::ServerWriteReactor<v1::Event>* SweepServiceImpl::Watch(Context*, const v1::WatchRequest* in) {
  if (const absl::Status legal = Check(*in); !legal.ok()) return new Refusal(legal);
  return watch_hub_.Watch(*in);
}

}  // namespace tpsweep::server
