// The server's services through real gRPC on loopback, in one process.
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/log.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/ticker.h"
#include "server/rpc/credentials.h"
#include "server/rpc/rpc_server.h"
#include "server/store/memory_checkpoints.h"
#include "server/store/memory_store.h"
#include "tests/fakes/status_matchers.h"
#include "tpsweep/v1/sweep_service.grpc.pb.h"
#include "tpsweep/v1/worker_service.grpc.pb.h"

namespace tpsweep::server {
namespace {

using testing::HasSubstr;
using WorkStream = grpc::ClientReaderWriter<v1::WorkerMessage, v1::ServerMessage>;

v1::StudySpec MakeSpec(const std::string& study, int64_t trials) {
  v1::StudySpec spec;
  spec.set_study(study);
  spec.mutable_training()->mutable_dataset()->set_name("mnist");
  spec.mutable_training()->mutable_bp();
  v1::Parameter& parameter = *spec.add_space();
  parameter.set_path("training.forward.lr");
  parameter.mutable_log()->set_low(1e-5);
  parameter.mutable_log()->set_high(1e-2);
  spec.mutable_search()->mutable_sampler()->mutable_random()->set_trials(trials);
  return spec;
}

class ServerRpcTest : public testing::Test {
 protected:
  ServerRpcTest() {
    SetLogSink([](LogLevel, absl::string_view) {});
    coordinator_ = *Coordinator::Open({}, store_, checkpoints_, writer_, Clock::Real());
    rpc_ = std::make_unique<RpcServer>(store_, writer_, *coordinator_);
    writer_.Start();
    ticker_ = std::make_unique<Ticker>(Clock::Real(), absl::Milliseconds(100),
                                       [this] { coordinator_->Tick(); });
    ListenOptions listen;
    listen.address = "127.0.0.1:0";
    const absl::Status started = rpc_->Start(listen);
    EXPECT_THAT(started, IsOk());
    channel_ = grpc::CreateChannel(rpc_->address(), grpc::InsecureChannelCredentials());
    sweeps_ = v1::SweepService::NewStub(channel_);
    workers_ = v1::WorkerService::NewStub(channel_);
  }
  ~ServerRpcTest() override {
    StopServer();
    SetLogSink({});
  }

  // As main does at SIGTERM.
  void StopServer() {
    ticker_ = nullptr;
    coordinator_->Drain();
    rpc_->Drain();
    writer_.Stop(absl::Seconds(1));
    rpc_->Stop(absl::Seconds(2));
  }

  grpc::Status Create(const v1::StudySpec& spec, v1::Study* study, bool validate_only = false) {
    grpc::ClientContext context;
    v1::CreateStudyRequest request;
    *request.mutable_spec() = spec;
    request.set_validate_only(validate_only);
    return sweeps_->CreateStudy(&context, request, study);
  }
  v1::Study Get(const std::string& study) {
    grpc::ClientContext context;
    v1::GetStudyRequest request;
    request.set_name("studies/" + study);
    v1::Study answer;
    const grpc::Status status = sweeps_->GetStudy(&context, request, &answer);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return answer;
  }

  static v1::WorkerMessage Hello(const std::string& id, int version = 1) {
    v1::WorkerMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol_version(version);
    hello.set_worker_id(id);
    hello.set_incarnation("one");
    hello.set_slots(2);
    hello.add_datasets("mnist");
    return message;
  }
  // Trains until the stream ends or `runs` runs are acknowledged.
  static int Work(WorkStream& stream, int runs) {
    v1::WorkerMessage message;
    message.mutable_free_slots()->set_count(2);
    stream.Write(message);
    int completed = 0;
    v1::ServerMessage answer;
    while (completed < runs && stream.Read(&answer)) {
      if (answer.has_lease()) {
        v1::Report& report = *message.mutable_report();
        report.Clear();
        report.set_attempt(answer.lease().attempt());
        v1::Measurement& measurement = *report.add_measurements();
        measurement.set_sequence(1);
        (*measurement.mutable_scalars())["validation/error"] =
            answer.lease().training().forward().lr(0);
        stream.Write(message);
        v1::Completion& completion = *message.mutable_completion();
        completion.set_attempt(answer.lease().attempt());
        completion.set_outcome(v1::ATTEMPT_OUTCOME_COMPLETED);
        completion.set_last_sequence(1);
        stream.Write(message);
      } else if (answer.ack().completed()) {
        ++completed;
        message.mutable_free_slots()->set_count(1);
        stream.Write(message);
      }
    }
    return completed;
  }
  // The first answer to `hello`; the stream's status if there is none.
  grpc::Status Greet(const v1::WorkerMessage& hello, v1::ServerMessage* answer) {
    grpc::ClientContext context;
    const auto stream = workers_->Work(&context);
    stream->Write(hello);
    if (stream->Read(answer)) return grpc::Status::OK;
    return stream->Finish();
  }
  // One call of a service whose messages are not compiled in.
  std::string CallRaw(const std::string& method, const std::string& request) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, method, &queue);
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(nullptr);
    queue.Next(&tag, &ok);
    const grpc::Slice slice(request);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    queue.Next(&tag, &ok);
    grpc::ByteBuffer answer;
    call->Read(&answer, nullptr);
    queue.Next(&tag, &ok);
    std::vector<grpc::Slice> slices;
    std::string text;
    if (ok && answer.Dump(&slices).ok()) {
      for (const grpc::Slice& part : slices) {
        text.append(reinterpret_cast<const char*>(part.begin()), part.size());
      }
    }
    grpc::Status status;
    context.TryCancel();
    call->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    return text;
  }

  MemoryStore store_;
  MemoryCheckpoints checkpoints_;
  StoreWriter writer_{{}, store_, Clock::Real()};
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<Ticker> ticker_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SweepService::Stub> sweeps_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
};

TEST_F(ServerRpcTest, CreatesAndReadsStudies) {
  v1::Study study;
  ASSERT_TRUE(Create(MakeSpec("s", 3), &study, true).ok());
  EXPECT_EQ(study.expected_runs(), 3);
  ASSERT_TRUE(Create(MakeSpec("s", 3), &study).ok());
  EXPECT_EQ(Get("s").waiting_reason(), "no worker is connected");
  EXPECT_EQ(Create(MakeSpec("s", 3), &study).error_code(), grpc::StatusCode::ALREADY_EXISTS);

  v1::StudySpec bad = MakeSpec("t", 3);
  bad.mutable_training()->set_batch_size(0);
  const grpc::Status refused = Create(bad, &study);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.error_message(), HasSubstr("training.batch_size"));

  grpc::ClientContext context;
  v1::GetStudyRequest request;
  request.set_name("studies/none");
  EXPECT_EQ(sweeps_->GetStudy(&context, request, &study).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerRpcTest, ListsPageByPage) {
  for (int i = 0; i < 5; ++i) {
    v1::Study study;
    ASSERT_TRUE(Create(MakeSpec(absl::StrCat("s", i), 1), &study).ok());
  }
  v1::ListStudiesRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  int pages = 0;
  do {
    grpc::ClientContext context;
    v1::ListStudiesResponse page;
    ASSERT_TRUE(sweeps_->ListStudies(&context, request, &page).ok());
    for (const v1::Study& study : page.studies()) names.push_back(study.name());
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(names, testing::ElementsAre("studies/s0", "studies/s1", "studies/s2", "studies/s3",
                                          "studies/s4"));
  request.set_page_token("no token of ours");
  grpc::ClientContext context;
  v1::ListStudiesResponse page;
  EXPECT_EQ(sweeps_->ListStudies(&context, request, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerRpcTest, ChangesAndDeletes) {
  v1::Study study;
  ASSERT_TRUE(Create(MakeSpec("s", 3), &study).ok());
  v1::StudyRequest request;
  request.set_name("studies/s");
  const auto call = [&](auto method) {
    grpc::ClientContext context;
    return ((*sweeps_).*method)(&context, request, &study);
  };
  ASSERT_TRUE(call(&v1::SweepService::Stub::PauseStudy).ok());
  EXPECT_EQ(Get("s").waiting_reason(), "paused");
  ASSERT_TRUE(call(&v1::SweepService::Stub::ResumeStudy).ok());
  EXPECT_EQ(study.state(), v1::STUDY_STATE_ACTIVE);
  google::protobuf::Empty empty;
  {
    grpc::ClientContext context;
    EXPECT_EQ(sweeps_->DeleteStudy(&context, request, &empty).error_code(),
              grpc::StatusCode::FAILED_PRECONDITION);
  }
  ASSERT_TRUE(call(&v1::SweepService::Stub::CancelStudy).ok());
  EXPECT_EQ(Get("s").state(), v1::STUDY_STATE_CANCELLED);
  grpc::ClientContext context;
  EXPECT_TRUE(sweeps_->DeleteStudy(&context, request, &empty).ok());
}

TEST_F(ServerRpcTest, WorkerTrainsAndAWatcherSeesIt) {
  v1::Study study;
  ASSERT_TRUE(Create(MakeSpec("s", 150), &study).ok());
  std::vector<std::string> types;
  int64_t last = 0;
  grpc::Status watched;
  std::thread watcher([&] {
    grpc::ClientContext context;
    v1::WatchRequest request;
    request.set_study("studies/s");
    request.set_until_study_ends(true);
    const auto stream = sweeps_->Watch(&context, request);
    v1::Event event;
    while (stream->Read(&event)) {
      EXPECT_GT(event.revision(), last);
      last = event.revision();
      types.push_back(event.type());
    }
    watched = stream->Finish();
  });
  grpc::ClientContext context;
  const auto stream = workers_->Work(&context);
  ASSERT_TRUE(stream->Write(Hello("w")));
  v1::ServerMessage answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.welcome().lease_ttl().seconds(), 30);
  EXPECT_EQ(Work(*stream, 150), 150);
  watcher.join();
  EXPECT_TRUE(watched.ok()) << watched.error_message();
  EXPECT_EQ(std::count(types.begin(), types.end(), "run.succeeded"), 150);
  EXPECT_EQ(types.front(), "study.created");
  EXPECT_EQ(types.back(), "study.completed");
  EXPECT_EQ(Get("s").runs().succeeded(), 150);

  // A watch that begins later, from a revision, and one after the end.
  for (const int64_t after : {last - 3, last}) {
    grpc::ClientContext late;
    v1::WatchRequest request;
    request.set_study("studies/s");
    request.set_after_revision(after);
    request.set_until_study_ends(true);
    const auto events = sweeps_->Watch(&late, request);
    v1::Event event;
    int count = 0;
    while (events->Read(&event)) ++count;
    EXPECT_TRUE(events->Finish().ok());
    EXPECT_EQ(count, last - after);
  }

  grpc::ClientContext list;
  v1::ListWorkersResponse workers;
  ASSERT_TRUE(sweeps_->ListWorkers(&list, {}, &workers).ok());
  ASSERT_EQ(workers.workers_size(), 1);
  EXPECT_TRUE(workers.workers(0).connected());

  grpc::ClientContext best;
  v1::BestTrialsRequest request;
  request.set_study("studies/s");
  v1::BestTrialsResponse trials;
  ASSERT_TRUE(sweeps_->BestTrials(&best, request, &trials).ok());
  ASSERT_EQ(trials.trials_size(), 10);
  EXPECT_LT(trials.trials(0).objective(), trials.trials(9).objective());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ServerRpcTest, RefusesWrongWatches) {
  const auto watch = [&](const std::string& study, int64_t after, bool until) {
    grpc::ClientContext context;
    v1::WatchRequest request;
    request.set_study(study);
    request.set_after_revision(after);
    request.set_until_study_ends(until);
    const auto stream = sweeps_->Watch(&context, request);
    v1::Event event;
    EXPECT_FALSE(stream->Read(&event));
    return stream->Finish();
  };
  EXPECT_EQ(watch("studies/none", 0, false).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(watch("none", 0, false).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(watch("", -1, false).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(watch("", 0, true).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerRpcTest, RefusesWrongWorkers) {
  v1::ServerMessage answer;
  const grpc::Status version = Greet(Hello("w", 2), &answer);
  EXPECT_EQ(version.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(version.error_message(), HasSubstr("version 2"));

  v1::WorkerMessage early;
  early.mutable_heartbeat();
  EXPECT_EQ(Greet(early, &answer).error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  grpc::ClientContext context;
  const auto first = workers_->Work(&context);
  first->Write(Hello("w"));
  ASSERT_TRUE(first->Read(&answer));
  v1::WorkerMessage second = Hello("w");
  second.mutable_hello()->set_incarnation("two");
  EXPECT_EQ(Greet(second, &answer).error_code(), grpc::StatusCode::ALREADY_EXISTS);

  v1::WorkerMessage bad;
  bad.mutable_report()->set_attempt("nonsense");
  first->Write(bad);
  EXPECT_FALSE(first->Read(&answer));
  EXPECT_EQ(first->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerRpcTest, RefusesRequestsBeyondAnySize) {
  v1::StudySpec spec = MakeSpec("s", 1);
  spec.mutable_space(0)->set_path(std::string(17 << 20, 'x'));
  v1::Study study;
  EXPECT_EQ(Create(spec, &study).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Create(MakeSpec("s", 1), &study).ok());
}

TEST_F(ServerRpcTest, DrainEndsStreamsAndRefusesWork) {
  v1::Study study;
  ASSERT_TRUE(Create(MakeSpec("s", 5), &study).ok());
  grpc::ClientContext worker_context;
  const auto worker = workers_->Work(&worker_context);
  worker->Write(Hello("w"));
  v1::ServerMessage answer;
  ASSERT_TRUE(worker->Read(&answer));
  grpc::ClientContext watch_context;
  const auto watch = sweeps_->Watch(&watch_context, {});
  v1::Event event;
  ASSERT_TRUE(watch->Read(&event));
  const absl::Time before = absl::Now();
  StopServer();
  EXPECT_LT(absl::Now() - before, absl::Seconds(4));
  EXPECT_FALSE(worker->Read(&answer));
  EXPECT_EQ(worker->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  while (watch->Read(&event)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Create(MakeSpec("t", 5), &study).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerRpcTest, AnswersHealthChecksAndReflection) {
  // HealthCheckResponse{status: SERVING}; ListServices of the reflection service.
  EXPECT_EQ(CallRaw("/grpc.health.v1.Health/Check", ""), std::string("\x08\x01"));
  const std::string services = CallRaw(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", std::string("\x3A\x01*"));
  EXPECT_THAT(services, HasSubstr("tpsweep.v1.SweepService"));
  EXPECT_THAT(services, HasSubstr("tpsweep.v1.WorkerService"));
}

TEST_F(ServerRpcTest, OnePortHasOneServer) {
  MemoryStore store;
  MemoryCheckpoints checkpoints;
  StoreWriter writer({}, store, Clock::Real());
  const std::unique_ptr<Coordinator> coordinator =
      *Coordinator::Open({}, store, checkpoints, writer, Clock::Real());
  RpcServer second(store, writer, *coordinator);
  ListenOptions listen;
  listen.address = rpc_->address();
  EXPECT_THAT(second.Start(listen),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(rpc_->address())));
}

TEST(Credentials, PlainTextOnlyOnLoopback) {
  const auto make = [](const std::string& address, bool is_insecure = false) {
    ListenOptions options;
    options.address = address;
    options.is_insecure = is_insecure;
    return MakeCredentials(options).status();
  };
  for (const char* address : {"127.0.0.1:0", "127.9.9.9:1", "localhost:7070", "[::1]:7070"}) {
    TP_EXPECT_OK(make(address));
  }
  for (const char* address :
       {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.com:1", "127.example.com:1"}) {
    EXPECT_THAT(make(address),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--insecure")))
        << address;
    TP_EXPECT_OK(make(address, true));
  }
  for (const char* address : {"", "127.0.0.1", ":1", "127.0.0.1:x", "127.0.0.1:65536"}) {
    EXPECT_THAT(make(address), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--listen")))
        << address;
  }
}

TEST(Credentials, TlsFlagsGoTogether) {
  ListenOptions options;
  options.tls_cert = "/no/such/cert.pem";
  EXPECT_THAT(MakeCredentials(options).status(), StatusIs(absl::StatusCode::kInvalidArgument));
  options.tls_key = "/no/such/key.pem";
  EXPECT_THAT(MakeCredentials(options).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such/cert.pem")));
  options.is_insecure = true;
  EXPECT_THAT(MakeCredentials(options).status(), StatusIs(absl::StatusCode::kInvalidArgument));
  ListenOptions ca_only;
  ca_only.tls_client_ca = "/no/such/ca.pem";
  EXPECT_THAT(MakeCredentials(ca_only).status(), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace tpsweep::server
