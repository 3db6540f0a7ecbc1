#include "worker/rpc/coordinator_client.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/fakes/status_matchers.h"
#include "tests/unit/agent/scripted_run.h"
#include "tpsweep/v1/worker_service.grpc.pb.h"

namespace tpsweep::agent {
namespace {

using testing::HasSubstr;
using Stream = grpc::ServerReaderWriter<v1::ServerMessage, v1::WorkerMessage>;

// Answers each stream as the test says; counts them.
class FakeCoordinator final : public v1::WorkerService::Service {
 public:
  using Answer = std::function<grpc::Status(int num_streams, Stream& stream)>;
  explicit FakeCoordinator(Answer answer) : answer_(std::move(answer)) {}

  void Listen(int port = 0) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  int port() const { return port_; }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  int num_streams() {
    MutexLock lock(mu_);
    return num_streams_;
  }
  void Shutdown() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

 private:
  grpc::Status Work(grpc::ServerContext*, Stream* stream) override {
    v1::WorkerMessage hello;
    if (!stream->Read(&hello) || !hello.has_hello()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "no Hello"};
    }
    int count = 0;
    {
      MutexLock lock(mu_);
      count = ++num_streams_;
    }
    return answer_(count, *stream);
  }

  const Answer answer_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  Mutex mu_;
  int num_streams_ ABSL_GUARDED_BY(mu_) = 0;
};

void Welcome(Stream& stream) {
  v1::ServerMessage message;
  message.mutable_welcome()->mutable_heartbeat_interval()->set_seconds(10);
  stream.Write(message);
}

class CoordinatorClientTest : public testing::Test {
 protected:
  CoordinatorClientTest() {
    AgentOptions options;
    options.worker_id = "w";
    agent_ = std::make_unique<Agent>(options, data_, Clock::Real(), script_.CreateRun());
  }
  std::unique_ptr<CoordinatorClient> Client(const std::string& server) {
    CoordinatorClientOptions options;
    options.server = server;
    options.first_pause = absl::Milliseconds(10);
    options.longest_pause = absl::Milliseconds(50);
    return *CoordinatorClient::Create(options, *agent_, Clock::Real());
  }

  trainer::DataSetCache data_{{}};
  Script script_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(CoordinatorClientTest, EndsOnAnAnswerThatNoRetryMends) {
  for (const grpc::StatusCode code :
       {grpc::StatusCode::FAILED_PRECONDITION, grpc::StatusCode::INVALID_ARGUMENT,
        grpc::StatusCode::UNAUTHENTICATED}) {
    FakeCoordinator server([&](int, Stream&) { return grpc::Status(code, "protocol version 2"); });
    server.Listen();
    EXPECT_THAT(Client(server.address())->Run(),
                StatusIs(static_cast<absl::StatusCode>(code), "protocol version 2"));
    EXPECT_EQ(server.num_streams(), 1);
  }
}

TEST_F(CoordinatorClientTest, GivesUpANameThatStaysTaken) {
  FakeCoordinator server([](int, Stream&) {
    return grpc::Status(grpc::StatusCode::ALREADY_EXISTS, "worker 'w' is connected");
  });
  server.Listen();
  EXPECT_THAT(Client(server.address())->Run(), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(server.num_streams(), 5);
}

TEST_F(CoordinatorClientTest, ComesBackAfterEveryLossOfTheStream) {
  FakeCoordinator server([](int num_streams, Stream& stream) {
    if (num_streams == 4) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "enough");
    if (num_streams == 2) Welcome(stream);
    if (num_streams == 3) return grpc::Status::OK;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
  });
  server.Listen();
  EXPECT_THAT(Client(server.address())->Run(),
              StatusIs(absl::StatusCode::kInvalidArgument, "enough"));
  EXPECT_EQ(server.num_streams(), 4);
}

TEST_F(CoordinatorClientTest, FindsAServerThatStartsLaterAndWorksForIt) {
  FakeCoordinator reserves_a_port([](int, Stream&) { return grpc::Status::OK; });
  reserves_a_port.Listen();
  reserves_a_port.Shutdown();
  const auto client = Client(reserves_a_port.address());
  absl::Status end;
  std::thread running([&] { end = client->Run(); });

  script_.Measure(2);
  script_.Finish();
  std::vector<v1::WorkerMessage> said;
  FakeCoordinator server([&](int, Stream& stream) {
    Welcome(stream);
    v1::ServerMessage lease;
    lease.mutable_lease()->set_attempt("studies/s/trials/0/runs/0/attempts/1");
    stream.Write(lease);
    v1::WorkerMessage message;
    while (stream.Read(&message)) {
      said.push_back(message);
      if (message.has_completion()) break;
    }
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "seen enough");
  });
  server.Listen(reserves_a_port.port());
  running.join();
  EXPECT_THAT(end, StatusIs(absl::StatusCode::kFailedPrecondition, "seen enough"));
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said.back().completion().outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
  EXPECT_EQ(said.back().completion().last_sequence(), 2);
}

TEST_F(CoordinatorClientTest, OfSeveralItWorksForTheOneThatLeads) {
  FakeCoordinator standby(
      [](int, Stream&) { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "stands by"); });
  standby.Listen();
  FakeCoordinator leader([](int num_streams, Stream& stream) {
    if (num_streams == 2) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "enough");
    Welcome(stream);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
  });
  leader.Listen();
  const std::string all = absl::StrCat("127.0.0.1:1, ", standby.address(), ",", leader.address());
  EXPECT_THAT(Client(all)->Run(), StatusIs(absl::StatusCode::kInvalidArgument, "enough"));
  EXPECT_EQ(leader.num_streams(), 2);
  EXPECT_EQ(standby.num_streams(), 2);
}

TEST_F(CoordinatorClientTest, NeedsAnAddress) {
  for (const char* servers : {"", " , "}) {
    CoordinatorClientOptions options;
    options.server = servers;
    EXPECT_THAT(CoordinatorClient::Create(options, *agent_, Clock::Real()).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("HOST:PORT")));
  }
}

TEST_F(CoordinatorClientTest, StopEndsItWhileConnectedAndWhileNot) {
  FakeCoordinator server([&](int, Stream& stream) {
    Welcome(stream);
    v1::WorkerMessage message;
    while (stream.Read(&message)) {
    }
    return grpc::Status::OK;
  });
  server.Listen();
  for (const std::string& address : {server.address(), std::string("127.0.0.1:1")}) {
    const auto client = Client(address);
    absl::Status end = absl::InternalError("did not run");
    std::thread running([&] { end = client->Run(); });
    while (address == server.address() && server.num_streams() == 0) std::this_thread::yield();
    client->Stop();
    running.join();
    TP_EXPECT_OK(end);
  }
}

TEST_F(CoordinatorClientTest, TlsFilesAreChecked) {
  CoordinatorClientOptions options;
  options.server = "127.0.0.1:1";
  options.tls.cert = "/nowhere/cert.pem";
  EXPECT_THAT(CoordinatorClient::Create(options, *agent_, Clock::Real()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--tls-key")));
  options.tls.key = "/nowhere/key.pem";
  EXPECT_THAT(CoordinatorClient::Create(options, *agent_, Clock::Real()).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere/cert.pem")));
}

}  // namespace
}  // namespace tpsweep::agent
