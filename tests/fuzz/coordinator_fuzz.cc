// Any bytes as a conversation of clients and workers with a coordinator: requests of
// every RPC and messages of every stream, in any order. Each is answered, a refusal says
// why, and afterwards the coordinator serves a study and a worker that are in order; and so
// does one that starts again on what is stored.
//
// The bytes are steps: which RPC (one byte), the length of its message (two, low one first),
// the message. tests/fuzz/corpus/coordinator has some that make sense.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/spec/grid_size.h"
#include "common/spec/validate.h"
#include "google/protobuf/stubs/logging.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/queries.h"
#include "server/store/memory_checkpoints.h"
#include "server/store/memory_store.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fuzz/property.h"

namespace tpsweep::server {
namespace {

// What a preview may cost here: the server itself allows more.
constexpr int64_t kMostPreviewed = 1000;

class QuietLink final : public WorkerLink {
 public:
  void Send(v1::ServerMessage message) override {
    MutexLock lock(mu_);
    leases_ += message.has_lease();
  }
  void Close(absl::Status) override {}
  int leases() {
    MutexLock lock(mu_);
    return leases_;
  }

 private:
  Mutex mu_;
  int leases_ ABSL_GUARDED_BY(mu_) = 0;
};

void CheckAnswer(const absl::Status& status) {
  TP_PROPERTY(status.ok() || !status.message().empty());
  // Nothing here is broken, so nothing may say so.
  TP_PROPERTY(status.code() != absl::StatusCode::kInternal);
  TP_PROPERTY(status.code() != absl::StatusCode::kUnknown);
}

class Conversation {
 public:
  Conversation() { Start(); }
  ~Conversation() { coordinator_ = nullptr; }

  // Takes one step off `bytes`; false at their end.
  bool Step(absl::string_view& bytes) {
    if (bytes.size() < 3) return false;
    const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
    const int kind = at(0);
    const size_t length = at(1) + size_t{256} * at(2);
    const absl::string_view message = bytes.substr(3, length);
    bytes.remove_prefix(std::min(bytes.size(), 3 + length));
    Say(kind, message);
    (void)writer_->Flush();
    return true;
  }

  // All is as it should be.
  void CheckServes(const std::string& study) {
    v1::CreateStudyRequest request;
    v1::StudySpec& spec = *request.mutable_spec();
    spec.set_study(study);
    spec.mutable_training()->mutable_dataset()->set_name("sound");
    spec.mutable_training()->mutable_bp();
    spec.mutable_search()->mutable_sampler()->mutable_grid();
    absl::Status created = absl::UnknownError("no answer");
    coordinator_->CreateStudy(request,
                              [&](absl::StatusOr<v1::Study> answer) { created = answer.status(); });
    TP_PROPERTY(writer_->Flush().ok());
    // A conversation may have made a study of this name.
    TP_PROPERTY(created.ok() || absl::IsAlreadyExists(created));
    v1::Hello hello;
    hello.set_protocol_version(1);
    hello.set_worker_id(absl::StrCat("sound-", study));
    hello.set_incarnation("1");
    hello.set_slots(1);
    hello.add_datasets("sound");
    const auto link = std::make_shared<QuietLink>();
    const auto session = coordinator_->Connect(hello, link);
    if (absl::IsAlreadyExists(session.status())) return;
    TP_PROPERTY(session.ok());
    v1::WorkerMessage offer;
    offer.mutable_free_slots()->set_count(1);
    TP_PROPERTY(coordinator_->Receive(*session, offer).ok());
    TP_PROPERTY(writer_->Flush().ok());
    if (created.ok()) TP_PROPERTY(link->leases() == 1);
    coordinator_->Disconnect(*session);
  }

  // As after a crash.
  void Restart() {
    coordinator_ = nullptr;
    session_.reset();
    Start();
  }

 private:
  void Start() {
    writer_ = std::make_unique<StoreWriter>(StoreWriterOptions(), store_, clock_);
    auto opened = Coordinator::Open({}, store_, checkpoints_, *writer_, clock_);
    TP_PROPERTY(opened.ok());
    coordinator_ = *std::move(opened);
    queries_ = std::make_unique<Queries>(store_, *coordinator_);
  }

  template <class Request>
  static std::optional<Request> Parse(absl::string_view bytes) {
    Request request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
    return request;
  }

  template <class Request, class Response>
  void Ask(absl::StatusOr<Response> (Queries::*query)(const Request&) const,
           absl::string_view bytes) {
    if (const auto request = Parse<Request>(bytes)) {
      CheckAnswer(((*queries_).*query)(*request).status());
    }
  }
  template <class Request>
  void Change(void (Coordinator::*change)(const Request&, Coordinator::StudyAnswer),
              absl::string_view bytes) {
    const auto request = Parse<Request>(bytes);
    if (!request) return;
    ((*coordinator_).*change)(
        *request, [](const absl::StatusOr<v1::Study>& answer) { CheckAnswer(answer.status()); });
  }
  void Change(void (Coordinator::*change)(absl::string_view, Coordinator::StudyAnswer),
              absl::string_view bytes) {
    const auto request = Parse<v1::StudyRequest>(bytes);
    if (!request) return;
    ((*coordinator_).*change)(request->name(), [](const absl::StatusOr<v1::Study>& answer) {
      CheckAnswer(answer.status());
    });
  }

  void Preview(absl::string_view bytes) {
    const auto request = Parse<v1::PreviewStudyRequest>(bytes);
    if (!request) return;
    v1::StudySpec spec = request->spec();
    const bool is_legal = spec::Complete(spec).ok();
    if (!is_legal || spec::TrialCount(spec) <= kMostPreviewed / spec.search().replicates()) {
      CheckAnswer(queries_->PreviewStudy(*request).status());
    }
  }

  void Connect(absl::string_view bytes) {
    const auto hello = Parse<v1::Hello>(bytes);
    if (!hello) return;
    const auto session = coordinator_->Connect(*hello, std::make_shared<QuietLink>());
    CheckAnswer(session.status());
    if (session.ok()) session_ = *session;
  }
  void Hear(absl::string_view bytes) {
    const auto message = Parse<v1::WorkerMessage>(bytes);
    if (!message || !session_) return;
    const absl::Status status = coordinator_->Receive(*session_, *message);
    CheckAnswer(status);
    if (status.ok()) return;
    coordinator_->Disconnect(*session_);  // as the stream's owner does
    session_.reset();
  }

  void Put(absl::string_view bytes) {
    const auto part = Parse<v1::CheckpointPart>(bytes);
    if (!part) return;
    const auto upload = coordinator_->PutCheckpoint(part->attempt(), part->checkpoint());
    CheckAnswer(upload.status());
    if (!upload.ok()) return;
    absl::Status status = (*upload)->Append(part->data());
    if (status.ok()) status = (*upload)->Finish();
    CheckAnswer(status);
  }
  void Get(absl::string_view bytes) {
    const auto request = Parse<v1::GetCheckpointRequest>(bytes);
    if (!request) return;
    const auto download = coordinator_->GetCheckpoint(*request);
    CheckAnswer(download.status());
    while (download.ok()) {
      const auto part = (*download)->Next();
      CheckAnswer(part.status());
      if (!part.ok() || part->empty()) return;
    }
  }

  void Say(int kind, absl::string_view bytes) {
    switch (kind % 24) {
      case 0:
        return Change(&Coordinator::CreateStudy, bytes);
      case 1:
        return Change(&Coordinator::PauseStudy, bytes);
      case 2:
        return Change(&Coordinator::ResumeStudy, bytes);
      case 3:
        return Change(&Coordinator::CancelStudy, bytes);
      case 4:
        if (const auto request = Parse<v1::StudyRequest>(bytes)) {
          coordinator_->DeleteStudy(request->name(),
                                    [](const absl::Status& status) { CheckAnswer(status); });
        }
        return;
      case 5:
        return Change(&Coordinator::ExtendStudy, bytes);
      case 6:
        return Change(&Coordinator::ExtendTrial, bytes);
      case 7:
        return Change(&Coordinator::RetryRuns, bytes);
      case 8:
        return Ask(&Queries::GetStudy, bytes);
      case 9:
        return Ask(&Queries::ListStudies, bytes);
      case 10:
        return Ask(&Queries::ListTrials, bytes);
      case 11:
        return Ask(&Queries::ListRuns, bytes);
      case 12:
        return Ask(&Queries::ListMeasurements, bytes);
      case 13:
        return Ask(&Queries::BestTrials, bytes);
      case 14:
        return Ask(&Queries::Explain, bytes);
      case 15:
        return CheckAnswer(queries_->ListWorkers().status());
      case 16:
        return Preview(bytes);
      case 17:
        return Connect(bytes);
      case 18:
      case 19:
        return Hear(bytes);
      case 20:
        if (session_) coordinator_->Disconnect(*session_);
        return session_.reset();
      case 21:
        return Put(bytes);
      case 22:
        return Get(bytes);
      default:
        clock_.Advance(absl::Seconds(20));
        return coordinator_->Tick();
    }
  }

  MemoryStore store_;
  MemoryCheckpoints checkpoints_;
  FakeClock clock_;
  std::unique_ptr<StoreWriter> writer_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<Queries> queries_;
  std::optional<SessionId> session_;
};

void Check(absl::string_view bytes) {
  static const bool is_quiet [[maybe_unused]] =
      (SetLogSink([](LogLevel, absl::string_view) {}), true);
  const google::protobuf::LogSilencer silence;  // about text that is not UTF-8
  Conversation conversation;
  while (conversation.Step(bytes)) {
  }
  conversation.CheckServes("sound-1");
  conversation.Restart();
  conversation.CheckServes("sound-2");
}

}  // namespace
}  // namespace tpsweep::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tpsweep::server::Check(tpsweep::FuzzBytes(data, size));
  return 0;
}
