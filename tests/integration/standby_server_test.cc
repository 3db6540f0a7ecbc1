// A coordinator that stands by, on the network.
#include "server/rpc/standby_server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "tests/fakes/status_matchers.h"
#include "tpsweep/v1/sweep_service.grpc.pb.h"
#include "tpsweep/v1/worker_service.grpc.pb.h"

namespace tpsweep::server {
namespace {

using testing::HasSubstr;

ListenOptions At(const std::string& address) {
  ListenOptions options;
  options.address = address;
  return options;
}

class StandbyServerTest : public testing::Test {
 protected:
  void SetUp() override {
    TP_ASSERT_OK(standby_.Start(At("127.0.0.1:0")));
    channel_ = grpc::CreateChannel(standby_.address(), grpc::InsecureChannelCredentials());
  }

  // An empty request to any method; `answer` gets the bytes of the response.
  grpc::Status Call(const std::string& method, grpc::ClientContext& context,
                    std::string* answer = nullptr) {
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    const grpc::Slice empty;
    const auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&empty, 1), &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    if (answer != nullptr && status.ok()) {
      grpc::Slice slice;
      EXPECT_TRUE(response.DumpToSingleSlice(&slice).ok());
      answer->assign(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    return status;
  }

  StandbyServer standby_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(StandbyServerTest, EveryMethodIsUnavailableAndNamesTheLeader) {
  standby_.SetLeader("leader.example.org:7070");
  int num_methods = 0;
  for (const auto* service : {v1::ListStudiesRequest::descriptor()->file()->service(0),
                              v1::WorkerMessage::descriptor()->file()->service(0)}) {
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string method =
          absl::StrCat("/", service->full_name(), "/", service->method(i)->name());
      grpc::ClientContext context;
      const grpc::Status status = Call(method, context);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << method;
      EXPECT_THAT(status.error_message(), HasSubstr("leader is at leader.example.org:7070"));
      const auto& metadata = context.GetServerTrailingMetadata();
      ASSERT_EQ(metadata.count("tpsweep-leader"), 1u) << method;
      EXPECT_EQ(metadata.find("tpsweep-leader")->second, "leader.example.org:7070");
      ++num_methods;
    }
  }
  EXPECT_GT(num_methods, 10);
}

TEST_F(StandbyServerTest, AWorkersStreamEndsToo) {
  const auto stub = v1::WorkerService::NewStub(channel_);
  grpc::ClientContext context;
  const auto stream = stub->Work(&context);
  v1::WorkerMessage hello;
  hello.mutable_hello()->set_worker_id("w");
  stream->Write(hello);
  v1::ServerMessage message;
  EXPECT_FALSE(stream->Read(&message));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("no other leads yet"));
}

TEST_F(StandbyServerTest, IsHealthyButNotServing) {
  grpc::ClientContext context;
  std::string answer;
  const grpc::Status status = Call("/grpc.health.v1.Health/Check", context, &answer);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(answer, "\x08\x02");  // HealthCheckResponse{status: NOT_SERVING}
}

TEST(StandbyServerRestartTest, ItsAddressIsFreeForTheLeaderAtOnce) {
  auto standby = std::make_unique<StandbyServer>();
  TP_ASSERT_OK(standby->Start(At("127.0.0.1:0")));
  const std::string address = standby->address();
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  ASSERT_TRUE(
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10)));
  EXPECT_THAT(StandbyServer().Start(At(address)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("in use")));
  standby.reset();
  StandbyServer other;
  TP_EXPECT_OK(other.Start(At(address)));
}

}  // namespace
}  // namespace tpsweep::server
