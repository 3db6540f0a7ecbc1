// Networks that fail: cut, cut one way, and healed; slow, broken in the middle of a message,
// and with connections that only one end believes in.
#include "tests/fakes/network.h"

#include <gmock/gmock.h>

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/fakes/tcp_proxy.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::IsEmpty;

// What `--lease-ttl` is unless it is said.
constexpr char kDefaultTtl[] = "30s";
// So short that a test can wait for its end.
constexpr char kShortTtl[] = "2s";
// So long that it never ends.
constexpr char kLongTtl[] = "10m";

// The tests of this file have a network for themselves, where root runs them.
class OwnNetwork : public testing::Environment {
 public:
  void SetUp() override { status() = Network::Enter(); }
  static absl::Status& status() {
    static auto* const status = new absl::Status(absl::UnknownError("not entered"));
    return *status;
  }
};
const auto* const kOwnNetwork = testing::AddGlobalTestEnvironment(new OwnNetwork);

// A study of one run, of a second unless it is said, with a checkpoint every tenth of one, and
// its worker w1.
class NetworkFailureTest : public testing::Test {
 protected:
  v1::StudySpec Spec() const {
    v1::StudySpec spec = LongStudy("network");
    spec.mutable_training()->set_epochs(epochs_);
    spec.mutable_checkpoints()->set_every_seconds(0.1);
    return spec;
  }

  // The study, whose run is under way.
  void Begin() {
    cluster_.StartWorker("w1");
    study_ = cluster_.Create(Spec()).name();
    cluster_.WaitForRunning(study_);
  }
  v1::Run Run() { return cluster_.Runs(study_).at(0); }
  Process& worker() { return cluster_.worker("w1"); }
  bool WaitForWorkersLog(absl::string_view event) {
    return WaitUntil([&] { return absl::StrContains(worker().Errors(), event); });
  }
  // The measurement up to which the worker knows that all is durable.
  int64_t Heard() {
    const std::vector<Acknowledgement> heard = AcknowledgementsIn("w1", worker().Errors());
    return heard.empty() ? 0 : heard.back().sequence;
  }
  int64_t NumConnected() {
    const std::string log = cluster_.server().Errors();
    const std::vector<absl::string_view> parts = absl::StrSplit(log, "worker.connected worker=w1");
    return static_cast<int64_t>(parts.size()) - 1;
  }
  // The run has gone to w2, while w1 believes that it has it: what is there now.
  Reading WaitForTheOther() {
    EXPECT_TRUE(WaitUntil([&] { return Run().worker() == "w2"; })) << cluster_.server().Errors();
    return cluster_.Read(study_);
  }

  void ExpectAsUndisturbed(int64_t attempts, std::vector<Reading> readings = {}) {
    cluster_.WaitForEnd(study_);
    EXPECT_EQ(Run().attempt(), attempts) << worker().Errors();
    EXPECT_EQ(Run().worker(), attempts == 1 ? "w1" : "w2");
    EXPECT_THAT(Violations(cluster_.HistoryOf(study_, std::move(readings))), IsEmpty());
    // The numbers of a study have nothing of the network: once is enough for all tests.
    static auto* const undisturbed = new std::map<int, std::map<std::string, RunNumbers>>();
    if (!undisturbed->contains(epochs_)) (*undisturbed)[epochs_] = cluster_.Undisturbed(Spec());
    EXPECT_EQ(cluster_.Numbers(study_), undisturbed->at(epochs_));
    EXPECT_TRUE(worker().is_running());
  }

  Cluster cluster_;
  int epochs_ = 150;
  std::string study_;
};

// --- the network between worker and server is cut

class CutTest : public NetworkFailureTest {
 protected:
  void SetUp() override {
    if (absl::IsPermissionDenied(OwnNetwork::status())) {
      GTEST_SKIP() << OwnNetwork::status().message();
    }
    ASSERT_TRUE(OwnNetwork::status().ok()) << OwnNetwork::status();
    network_.emplace();
  }
  // The server and the test are on the near side, w1 on the far side.
  void Begin(const std::string& lease_ttl) {
    cluster_.Use(absl::StrCat(Network::kNearAddress, ":0"), "");
    cluster_.StartServer({"--insecure", "--lease-ttl", lease_ttl});
    cluster_.RunWorkersBy(network_->FarSide());
    NetworkFailureTest::Begin();
    cluster_.RunWorkersBy({});
  }

  std::optional<Network> network_;
};

class EveryCutTest : public CutTest, public testing::WithParamInterface<Network::Cut> {};

TEST_P(EveryCutTest, AWorkerThatIsBackInTimeHasLostNothing) {
  Begin(kDefaultTtl);
  network_->Lose(GetParam());
  ASSERT_TRUE(WaitForWorkersLog("attempt.ended"));
  EXPECT_LT(Heard(), epochs_);
  network_->Heal(GetParam());
  ExpectAsUndisturbed(1);
}

TEST_P(EveryCutTest, AWorkerThatIsBackTooLateIsFenced) {
  Begin(kShortTtl);
  cluster_.StartWorker("w2");
  network_->Lose(GetParam());
  const Reading fenced = WaitForTheOther();
  network_->Heal(GetParam());
  EXPECT_TRUE(WaitForWorkersLog("attempt.abandoned")) << worker().Errors();
  ExpectAsUndisturbed(2, {fenced});
}

std::string NameOf(const testing::TestParamInfo<Network::Cut>& cut) {
  switch (cut.param) {
    case Network::Cut::kUnplugged:
      return "Unplugged";
    case Network::Cut::kToNear:
      return "ToServer";
    case Network::Cut::kToFar:
      return "ToWorker";
  }
  return "";
}
INSTANTIATE_TEST_SUITE_P(All, EveryCutTest,
                         testing::Values(Network::Cut::kUnplugged, Network::Cut::kToNear,
                                         Network::Cut::kToFar),
                         &NameOf);

TEST_F(CutTest, AWorkerThatHasGivenItsConnectionUpIsBackInTime) {
  Begin(kDefaultTtl);
  network_->Lose(Network::Cut::kToNear);
  ASSERT_TRUE(WaitForWorkersLog("server.unreachable"));
  network_->Heal(Network::Cut::kToNear);
  ExpectAsUndisturbed(1);
}

// --- connections break

class ConnectionTest : public NetworkFailureTest {
 protected:
  // w1 reaches the server by the proxy, the others directly.
  void StartServer(const std::string& lease_ttl) {
    cluster_.StartServer({"--lease-ttl", lease_ttl});
    proxy_.emplace(cluster_.address());
    cluster_.Use(cluster_.address(), proxy_->address());
  }
  void StartAnother() {
    cluster_.Use(cluster_.address(), cluster_.address());
    cluster_.StartWorker("w2");
  }
  // The connections that there are keep what the worker says, and that is something: parts of
  // reports, or of a checkpoint.
  void HoldReports() {
    constexpr size_t kMoreThanHeartbeats = 1000;
    proxy_->Hold(TcpProxy::Way::kToServer);
    ASSERT_TRUE(WaitUntil([&] { return proxy_->Kept().size() > kMoreThanHeartbeats; }))
        << worker().Errors();
  }

  std::optional<TcpProxy> proxy_;
};

TEST_F(ConnectionTest, ASlowNetworkOnlyTakesLonger) {
  StartServer(kShortTtl);
  proxy_->Delay(absl::Milliseconds(100));
  Begin();
  ExpectAsUndisturbed(1);
}

TEST_F(ConnectionTest, BrokenInTheMiddleOfMessagesItIsMadeAgain) {
  StartServer(kLongTtl);
  // Within Hello, within Welcome, within reports and checkpoints, within acknowledgements.
  std::vector<TcpProxy::Fate> fates;
  for (const int64_t bytes : {350, 1'001, 4'001, 20'001}) {
    for (const TcpProxy::End end : {TcpProxy::End::kClose, TcpProxy::End::kReset}) {
      fates.push_back({end, TcpProxy::Way::kToServer, bytes});
      fates.push_back({end, TcpProxy::Way::kToClient, 100 + bytes % 1000});
    }
  }
  epochs_ = 1500;  // still trained when the last of them has come
  Begin();
  proxy_->Destine(fates);
  proxy_->ResetClients();
  ASSERT_TRUE(WaitUntil([&] { return proxy_->num_fulfilled() == static_cast<int>(fates.size()); }))
      << proxy_->num_fulfilled();
  EXPECT_EQ(Run().state(), v1::RUN_STATE_RUNNING);
  ExpectAsUndisturbed(1);
}

TEST_F(ConnectionTest, AWorkerThatIsNotAnsweredForAWhileHasLostNothing) {
  StartServer(kDefaultTtl);
  epochs_ = 450;  // not over before its answers are held, also on a busy machine
  Begin();
  proxy_->Hold(TcpProxy::Way::kToClient);
  ASSERT_TRUE(WaitForWorkersLog("attempt.ended"));
  // The server has more than the worker knows.
  ASSERT_TRUE(WaitUntil([&] { return Run().latest().sequence() > Heard() + 20; }))
      << Run().latest().sequence() << " " << Heard();
  proxy_->Release();
  ExpectAsUndisturbed(1);
}

TEST_F(ConnectionTest, AWorkerThatIsNotHeardIsFenced) {
  StartServer(kShortTtl);
  Begin();
  StartAnother();
  HoldReports();
  const Reading fenced = WaitForTheOther();
  EXPECT_TRUE(WaitForWorkersLog("attempt.abandoned")) << worker().Errors();
  // What it said arrives when it does not hold the run any more.
  proxy_->Release();
  ExpectAsUndisturbed(2, {fenced});
}

// As behind a router that has forgotten the connection.
TEST_F(ConnectionTest, AConnectionThatIsSilentlyDeadIsGivenUpInTime) {
  StartServer(kDefaultTtl);
  Begin();
  proxy_->Hold(TcpProxy::Way::kToServer);
  proxy_->Hold(TcpProxy::Way::kToClient);
  ExpectAsUndisturbed(1);
  EXPECT_EQ(proxy_->num_connections(), 2);
}

TEST_F(ConnectionTest, TheServerHasTwoStreamsOfAWorker) {
  StartServer(kLongTtl);
  Begin();
  for (int64_t reconnects = 1; reconnects <= 2; ++reconnects) {
    HoldReports();
    proxy_->ResetClients();
    ASSERT_TRUE(WaitUntil([&] { return NumConnected() > reconnects; })) << worker().Errors();
    EXPECT_EQ(proxy_->num_half_open(), reconnects);
    // The reports of the old stream come after the new one's Hello.
    proxy_->Release();
  }
  ExpectAsUndisturbed(1);
}

TEST_F(ConnectionTest, AHelloThatIsLateTakesTheStreamOfALaterOne) {
  StartServer(kLongTtl);
  Begin();
  proxy_->Destine({{TcpProxy::End::kHold, TcpProxy::Way::kToServer, 0}});
  proxy_->ResetClients();
  // Hello names what the worker holds.
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(proxy_->Kept(), "/attempts/1"); }))
      << worker().Errors();
  proxy_->ResetClients();
  ASSERT_TRUE(WaitUntil([&] { return NumConnected() == 2; })) << worker().Errors();
  proxy_->Release();
  // That Hello is welcome too, to nobody; then the worker connects again.
  EXPECT_TRUE(WaitUntil([&] { return NumConnected() == 4; })) << cluster_.server().Errors();
  ExpectAsUndisturbed(1);
}

}  // namespace
}  // namespace tpsweep
