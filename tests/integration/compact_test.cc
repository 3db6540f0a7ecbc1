// tpsweep-server compact, between two lives of a server: measurements go, results stay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/fakes/postgres.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Optional;

constexpr int kEpochs = 23;

v1::StudySpec SmallStudy() {
  v1::StudySpec spec = LongStudy("old", {0.01, 0.02});
  spec.mutable_training()->set_epochs(kEpochs);
  spec.mutable_search()->set_replicates(2);
  return spec;
}

std::vector<std::string> Serialised(const auto& records) {
  std::vector<std::string> all;
  for (const auto& record : records) all.push_back(record.ShortDebugString());
  return all;
}

class CompactTest : public testing::Test {
 protected:
  // Runs the study on the server at hand and remembers all of it.
  void RunStudy() {
    cluster_.StartWorker("w1", 2);
    study_ = cluster_.Create(SmallStudy()).name();
    cluster_.WaitForEnd(study_);
    trials_ = Serialised(cluster_.Trials(study_));
    runs_ = Serialised(cluster_.Runs(study_));
    numbers_ = cluster_.Numbers(study_);
  }

  struct Outcome {
    int exit_status;
    std::string output, errors;
  };
  Outcome Compact(const std::string& store,
                  const std::vector<std::string>& options = {"--older-than", "0"}) {
    std::vector<std::string> arguments = {"compact", "--store", store};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const auto process =
        cluster_.Start(absl::StrCat("compact", ++calls_), "tpsweep-server", arguments);
    const int exit_status = process->WaitForExit().value_or(-1);
    return {exit_status, process->Output(), process->Errors()};
  }

  void ExpectOnlyMeasurementsAreGone() {
    EXPECT_EQ(Serialised(cluster_.Trials(study_)), trials_);
    EXPECT_EQ(Serialised(cluster_.Runs(study_)), runs_);
    const auto left = cluster_.Numbers(study_);
    ASSERT_EQ(left.size(), numbers_.size());
    for (const auto& [run, numbers] : left) {
      // Of what is left nothing has changed.
      for (const auto& [key, value] : numbers) EXPECT_EQ(numbers_.at(run).at(key), value);
      EXPECT_LT(numbers.size(), numbers_.at(run).size() / 2) << run;
      EXPECT_TRUE(numbers.contains({kEpochs, "validation/error"})) << run;
    }
    EXPECT_EQ(cluster_.Get(study_).compaction().keep_every(), 10);
  }

  Cluster cluster_;
  std::string study_;
  std::vector<std::string> trials_, runs_;
  std::map<std::string, RunNumbers> numbers_;
  int calls_ = 0;
};

TEST_F(CompactTest, OnSqlite) {
  const std::string store = cluster_.folder() + "/store.sqlite";
  cluster_.StartServer();
  RunStudy();
  const Outcome refused = Compact(store);
  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("one server at a time"));

  cluster_.server().Signal(SIGTERM);
  ASSERT_THAT(cluster_.server().WaitForExit(), Optional(0));
  const Outcome dry = Compact(store, {"--older-than", "0", "--dry-run"});
  EXPECT_EQ(dry.exit_status, 0) << dry.errors;
  EXPECT_THAT(
      dry.output,
      AllOf(HasSubstr("old: "), HasSubstr("1 study: "),
            HasSubstr(absl::StrCat(" of ", 4 * kEpochs, " measurements would be removed\n"))));
  const Outcome young = Compact(store, {"--older-than", "1"});
  EXPECT_EQ(young.output, "0 studies: 0 of 0 measurements removed\n");
  const Outcome done = Compact(store);
  EXPECT_EQ(done.exit_status, 0) << done.errors;
  EXPECT_THAT(done.output, HasSubstr(absl::StrCat(" of ", 4 * kEpochs, " measurements removed\n")));
  const Outcome again = Compact(store);
  EXPECT_EQ(again.output, "0 studies: 0 of 0 measurements removed\n");

  cluster_.StartServer();
  ExpectOnlyMeasurementsAreGone();
  // The store is as good as ever.
  EXPECT_EQ(cluster_.Undisturbed(SmallStudy()), numbers_);
}

TEST_F(CompactTest, OnPostgresql) {
  PostgresServer postgres;
  const std::string uri = postgres.NewDatabase();
  cluster_.StoreIn(uri);
  cluster_.StartServer();
  RunStudy();
  const Outcome refused = Compact(uri);
  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("a server leads on this database"));

  cluster_.server().Signal(SIGTERM);
  ASSERT_THAT(cluster_.server().WaitForExit(), Optional(0));
  const Outcome done = Compact(uri);
  EXPECT_EQ(done.exit_status, 0) << done.errors;
  EXPECT_THAT(done.output, HasSubstr(absl::StrCat(" of ", 4 * kEpochs, " measurements removed\n")));

  cluster_.StartServer();
  ExpectOnlyMeasurementsAreGone();
}

TEST_F(CompactTest, SaysWhatIsWrong) {
  const Outcome missing = Compact(cluster_.folder() + "/nothing.sqlite");
  EXPECT_EQ(missing.exit_status, 1);
  EXPECT_THAT(missing.errors, HasSubstr("there is no such store"));
  const Outcome memory = Compact("memory");
  EXPECT_EQ(memory.exit_status, 2);
  EXPECT_THAT(memory.errors, HasSubstr("nothing in 'memory'"));
  const Outcome zero = Compact("x", {"--older-than", "0", "--keep-every", "0"});
  EXPECT_EQ(zero.exit_status, 2);
  EXPECT_THAT(zero.errors, HasSubstr("--keep-every"));
}

}  // namespace
}  // namespace tpsweep
