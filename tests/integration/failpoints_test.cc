// Server and worker die before and after each of their durable steps (common/failpoint.h),
// and are started again: the study ends as one that nothing disturbed.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/failpoint.h"
#include "tests/fakes/postgres.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

// For the processes that are started meanwhile.
class InEnvironment {
 public:
  explicit InEnvironment(const std::string& failpoint) {
    setenv("TPSWEEP_FAILPOINT", failpoint.c_str(), 1);
  }
  ~InEnvironment() { unsetenv("TPSWEEP_FAILPOINT"); }
  InEnvironment(const InEnvironment&) = delete;
  InEnvironment& operator=(const InEnvironment&) = delete;
};

// A population: its rungs leave checkpoints, which are copied and removed.
v1::StudySpec Population() {
  v1::StudySpec spec = LongStudy("population");
  spec.mutable_training()->set_epochs(8);
  spec.mutable_space(0)->mutable_log()->set_low(1e-3);
  spec.mutable_space(0)->mutable_log()->set_high(1e-1);
  spec.mutable_search()->mutable_sampler()->mutable_random()->set_trials(4);
  v1::PbtScheduler& pbt = *spec.mutable_search()->mutable_scheduler()->mutable_pbt();
  pbt.set_population(4);
  pbt.set_every(1);
  spec.mutable_checkpoints()->set_every_seconds(1e-6);  // as often as may be
  return spec;
}
constexpr const char* kStudy = "studies/population";

// What must not depend on what went wrong.
struct Outcome {
  std::vector<std::string> trials;
  std::map<std::string, RunNumbers> numbers;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome OutcomeOf(Cluster& cluster) {
  EXPECT_TRUE(WaitUntil([&] { return cluster.Get(kStudy).state() == v1::STUDY_STATE_COMPLETED; },
                        absl::Seconds(60)));
  Outcome outcome;
  outcome.trials = cluster.Decisions(kStudy);
  outcome.numbers = cluster.Numbers(kStudy);
  return outcome;
}

const Outcome& Undisturbed() {
  static const auto* const outcome = [] {
    Cluster cluster;
    cluster.StartServer();
    cluster.StartWorker("w1");
    cluster.StartWorker("w2");
    cluster.Create(Population());
    return new Outcome(OutcomeOf(cluster));
  }();
  return *outcome;
}

const char* NameOf(Failpoint at) {
  for (const FailpointName& entry : Failpoints()) {
    if (entry.at == at) return entry.name;
  }
  return "";
}

struct Case {
  Failpoint at;
  int time;
};
std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return absl::StrCat(absl::StrReplaceAll(NameOf(info.param.at), {{".", "_"}}), "_",
                      info.param.time);
}

// The server: the file that appears first is that of its port.
std::vector<Case> ServerCases() {
  std::vector<Case> cases;
  for (const FailpointName& entry : Failpoints()) {
    if (entry.at == Failpoint::kBeforeAppend || entry.at == Failpoint::kAfterAppend) continue;
    const bool is_file =
        entry.at == Failpoint::kBeforeRename || entry.at == Failpoint::kAfterRename;
    for (const int time : {1, 3}) cases.push_back({entry.at, is_file ? time + 1 : time});
  }
  return cases;
}

// Starts the server of `cluster` so that it dies at the failpoint, and again when it has.
void ExpectAsUndisturbed(const Case& failpoint_case, Cluster& cluster) {
  const Outcome& undisturbed = Undisturbed();
  ASSERT_THAT(undisturbed.trials, testing::SizeIs(testing::Gt(4)));
  {
    const InEnvironment failpoint(
        absl::StrCat(NameOf(failpoint_case.at), ":", failpoint_case.time));
    cluster.StartServer();
  }
  cluster.StartWorker("w1");
  cluster.StartWorker("w2");
  v1::CreateStudyRequest request;
  *request.mutable_spec() = Population();
  request.set_idempotency_key("once");
  bool has_died = false;
  grpc::Status created;
  do {
    grpc::ClientContext context;
    v1::Study answer;
    created = cluster.service().CreateStudy(&context, request, &answer);
    // An answer is waited for until the end of the server, if that comes first.
    if (!created.ok() || !has_died) {
      const bool is_over = WaitUntil([&] { return !cluster.server().is_running(); },
                                     created.ok() ? absl::Seconds(30) : absl::Seconds(5));
      ASSERT_TRUE(is_over) << "not reached, or " << created.error_message();
      ASSERT_EQ(cluster.server().WaitForExit(), -SIGKILL);
      ASSERT_FALSE(has_died) << "again";
      has_died = true;
      cluster.StartServer();
    }
  } while (!created.ok());
  const Outcome outcome = OutcomeOf(cluster);
  EXPECT_EQ(outcome.trials, undisturbed.trials);
  EXPECT_TRUE(outcome == undisturbed) << "numbers differ";
}

class ServerFailpointTest : public testing::TestWithParam<Case> {};

TEST_P(ServerFailpointTest, TheStudyEndsAsIfNothingHadHappened) {
  Cluster cluster;
  ExpectAsUndisturbed(GetParam(), cluster);
}

INSTANTIATE_TEST_SUITE_P(EachStep, ServerFailpointTest, testing::ValuesIn(ServerCases()), CaseName);

// The same over PostgreSQL, where a server that is back first waits for its own lease to end.
std::vector<Case> PostgresCases() {
  std::vector<Case> cases;
  const int times = FromEnvironment("TPSWEEP_FAILPOINT_TIMES", 1);
  for (const Failpoint at : {Failpoint::kBeforeCommit, Failpoint::kAfterCommit,
                             Failpoint::kAfterUpload, Failpoint::kAfterCopy}) {
    for (int time = 0; time < times; ++time) cases.push_back({at, 2 + time});
  }
  return cases;
}

class PostgresFailpointTest : public testing::TestWithParam<Case> {};

TEST_P(PostgresFailpointTest, TheStudyEndsAsIfNothingHadHappened) {
  Cluster cluster;
  cluster.StoreIn(PostgresServer::Shared().NewDatabase());
  ExpectAsUndisturbed(GetParam(), cluster);
}

INSTANTIATE_TEST_SUITE_P(EachStep, PostgresFailpointTest, testing::ValuesIn(PostgresCases()),
                         CaseName);

class WorkerFailpointTest : public testing::TestWithParam<Case> {};

TEST_P(WorkerFailpointTest, TheStudyEndsAsIfNothingHadHappened) {
  const Outcome& undisturbed = Undisturbed();
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "10s"});
  cluster.Create(Population());
  {
    const InEnvironment failpoint(absl::StrCat(NameOf(GetParam().at), ":", GetParam().time));
    cluster.StartWorker("w1");
  }
  Process& worker = cluster.worker("w1");
  ASSERT_TRUE(WaitUntil([&] { return !worker.is_running(); })) << "not reached";
  ASSERT_EQ(worker.WaitForExit(), -SIGKILL);
  cluster.StartWorker("w1");
  const Outcome outcome = OutcomeOf(cluster);
  EXPECT_EQ(outcome.trials, undisturbed.trials);
  EXPECT_TRUE(outcome == undisturbed) << "numbers differ";
}

// It writes who it is, then the lease of each attempt, and checkpoints at the rungs.
INSTANTIATE_TEST_SUITE_P(
    EachStep, WorkerFailpointTest,
    testing::Values(Case{Failpoint::kBeforeAppend, 1}, Case{Failpoint::kAfterAppend, 1},
                    Case{Failpoint::kBeforeAppend, 2}, Case{Failpoint::kAfterAppend, 2},
                    Case{Failpoint::kBeforeAppend, 5}, Case{Failpoint::kAfterAppend, 5},
                    Case{Failpoint::kBeforeRename, 1}, Case{Failpoint::kAfterRename, 1}),
    CaseName);

}  // namespace
}  // namespace tpsweep
