// The client as its user meets it: the program, its output and its exit status,
// against a real server and real workers.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

// Two rules, two learning rates, two seeds: eight runs of a moment.
constexpr char kTiny[] = R"(
study: tiny-sweep
training:
  dataset: {name: tiny, validation: 50}
  network: {hidden: [8]}
  epochs: 2
  batch_size: 32
search: {sampler: grid, replicates: 2}
space:
  training.rule: {choice: [bp, dtp]}
  training.forward.lr: {choice: [0.001, 0.01]}
  training.rule.dtp.sigma: {choice: [0.2], when: {training.rule: dtp}}
)";

// The same study, with runs that take long enough to be disturbed.
std::string Long(absl::string_view name) {
  return absl::StrReplaceAll(kTiny, {{"tiny-sweep", name}, {"epochs: 2", "epochs: 100000"}});
}

struct Ended {
  int status;
  std::string out;
  std::string err;
};

class ClientTest : public testing::Test {
 protected:
  std::unique_ptr<Process> Start(std::vector<std::string> arguments) {
    return cluster_.Start(absl::StrCat("client-", ++num_started_), "tpsweep", arguments);
  }
  static Ended WaitFor(Process& process, absl::Duration limit = absl::Seconds(60)) {
    const std::optional<int> status = process.WaitForExit(limit);
    EXPECT_TRUE(status.has_value()) << "still running; " << process.Errors();
    return {status.value_or(-1), process.Output(), process.Errors()};
  }
  // Any command, to its end.
  Ended Tpsweep(std::vector<std::string> arguments) {
    const auto process = Start(std::move(arguments));
    return WaitFor(*process);
  }
  // A command that talks to the cluster's server.
  std::vector<std::string> AtServer(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--server", cluster_.address()});
    return arguments;
  }
  Ended Client(std::vector<std::string> arguments) {
    return Tpsweep(AtServer(std::move(arguments)));
  }

  std::string Spec(absl::string_view text) {
    const std::string path = absl::StrCat(cluster_.folder(), "/spec-", ++num_specs_, ".yaml");
    WriteBytes(path, text);
    return path;
  }
  std::vector<std::string> RunCommand(const std::string& spec) const {
    return {"run", spec, "--dir", RunDir(), "--data", cluster_.DataFolder()};
  }
  std::string RunDir() const { return cluster_.folder() + "/run"; }

  // How many processes have `text` in their command line.
  static int NumProcesses(const std::string& text) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream file(entry.path() / "cmdline");
      const std::string command((std::istreambuf_iterator<char>(file)), {});
      if (absl::StrContains(command, text)) ++count;
    }
    return count;
  }
  // Neither a server on the folder's store nor a worker on its data is left.
  void ExpectNothingLeftRunning() {
    EXPECT_TRUE(WaitUntil([&] { return NumProcesses(cluster_.folder()) == 0; }, absl::Seconds(10)))
        << NumProcesses(cluster_.folder());
  }

  Cluster cluster_;
  int num_started_ = 0;
  int num_specs_ = 0;
};

TEST_F(ClientTest, ValidatesWithoutAServer) {
  const Ended good = Tpsweep({"validate", Spec(kTiny)});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("study tiny-sweep, 4 trials x 2 replicates = 8 runs"));

  const Ended bad = Tpsweep({"validate", Spec(absl::StrReplaceAll(kTiny, {{"epochs", "epoch"}}))});
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.err, HasSubstr("spec-2.yaml:6:3: training.epoch: no such field; did you mean"));
  EXPECT_EQ(bad.out, "");
}

TEST_F(ClientTest, UsageErrorsExitWith2) {
  EXPECT_EQ(Tpsweep({}).status, 2);
  EXPECT_EQ(Tpsweep({"sbumit"}).status, 2);
  EXPECT_EQ(Tpsweep({"show"}).status, 2);
  EXPECT_EQ(Tpsweep({"ls", "--no-such-flag"}).status, 2);
  EXPECT_EQ(Tpsweep({"results", "x", "--history", "--runs"}).status, 2);
  const Ended duration = Tpsweep({"ls", "--timeout", "soon"});
  EXPECT_EQ(duration.status, 2);
  EXPECT_THAT(duration.err, HasSubstr("'soon' is not a positive duration like 90s"));
  EXPECT_THAT(Tpsweep({"--help"}).out, HasSubstr("results"));
}

TEST_F(ClientTest, SaysThatNoServerAnswersAndExitsWith6) {
  const Ended ended = Tpsweep({"ls", "--server", "127.0.0.1:1"});
  EXPECT_EQ(ended.status, 6);
  EXPECT_THAT(ended.err, HasSubstr("no server answers at 127.0.0.1:1"));
  EXPECT_THAT(ended.err, HasSubstr("start one with tpsweep-server"));
}

TEST_F(ClientTest, DescribesRulesSamplersFieldsAndData) {
  EXPECT_THAT(Tpsweep({"describe", "rules"}).out, HasSubstr("ddtp_linear"));
  EXPECT_THAT(Tpsweep({"describe", "samplers"}).out, HasSubstr("random"));
  EXPECT_THAT(Tpsweep({"describe", "fields", "training.rule.dtp.sigma"}).out, HasSubstr("(0, 10]"));
  const Ended misspelt = Tpsweep({"describe", "fields", "training.epoch"});
  EXPECT_EQ(misspelt.status, 1);
  EXPECT_THAT(misspelt.err, HasSubstr("epochs"));
  const json data =
      json::parse(Tpsweep({"describe", "data", "--data", cluster_.DataFolder(), "-o", "json"}).out);
  EXPECT_EQ(data["data"][0]["name"], "tiny");
}

TEST_F(ClientTest, DescribesPresetsSpacesAndNetworks) {
  EXPECT_THAT(Tpsweep({"describe", "presets"}).out, HasSubstr("fashion_mnist_DDTPlinear"));
  EXPECT_THAT(Tpsweep({"describe", "presets", "mnist_BP"}).out, HasSubstr("study: mnist_BP\n"));
  const json space = json::parse(Tpsweep({"describe", "spaces", "dtp", "-o", "json"}).out);
  EXPECT_THAT(space["space"]["yaml"].get<std::string>(), HasSubstr("training.rule.dtp.sigma"));
  const Ended network = Tpsweep({"describe", "network", "--preset", "cifar10_DDTPConv"});
  EXPECT_EQ(network.status, 0) << network.err;
  EXPECT_THAT(network.out, HasSubstr("64x8x8"));
  const Ended misspelt = Tpsweep({"describe", "presets", "mnist_PB"});
  EXPECT_EQ(misspelt.status, 1);
  EXPECT_THAT(misspelt.err, HasSubstr("did you mean 'mnist_BP'?"));
}

TEST_F(ClientTest, APresetOrAFileIsNeededNotBoth) {
  EXPECT_EQ(Tpsweep({"validate"}).status, 2);
  EXPECT_EQ(Tpsweep({"validate", Spec(kTiny), "--preset", "mnist_BP"}).status, 2);
  EXPECT_THAT(Tpsweep({"validate", "--preset", "mnist_BP", "--set", "training.epochs=2"}).out,
              HasSubstr("ok: preset mnist_BP: study mnist_BP, 1 trial x 1 replicate = 1 run"));
  EXPECT_THAT(Tpsweep({"validate", Spec(kTiny), "--set", "training.epochs=x"}).err,
              HasSubstr("--set training.epochs: 'x' is text"));
}

TEST_F(ClientTest, APresetIsAWholeExperiment) {
  const auto command = [&](const std::string& epochs) {
    std::vector<std::string> arguments = {
        "run",    "--preset", "mnist_DDTPlinear",    "--replicates", "2",    "--dir",
        RunDir(), "--data",   cluster_.DataFolder(), "-o",           "json", "--history"};
    for (const char* setting :
         {"training.dataset.name=tiny", "training.dataset.validation=50",
          "training.network.hidden=[8]", "training.feedback_schedule.pretraining_epochs=1"}) {
      arguments.insert(arguments.end(), {"--set", setting});
    }
    arguments.insert(arguments.end(), {"--set", absl::StrCat("training.epochs=", epochs)});
    return arguments;
  };
  const Ended ended = Tpsweep(command("2"));
  ASSERT_EQ(ended.status, 0) << ended.err;
  const json results = json::parse(ended.out);
  EXPECT_EQ(results["study"], "mnist_DDTPlinear");
  ASSERT_THAT(results["runs"], SizeIs(2));
  for (const json& run : results["runs"]) {
    EXPECT_EQ(run["state"], "SUCCEEDED");
    EXPECT_THAT(run["parameters"], SizeIs(0));
    EXPECT_GE(run["history"]["test/error"].size(), 2u);
  }
  EXPECT_NE(results["runs"][0]["seed"], results["runs"][1]["seed"]);

  const Ended changed = Tpsweep(command("3"));
  EXPECT_EQ(changed.status, 1);
  EXPECT_THAT(changed.err, HasSubstr("run with other --set, --space or --replicates?"));
  EXPECT_THAT(changed.err, HasSubstr("--name NEW"));
}

TEST_F(ClientTest, FollowsASweepFromSubmissionToResults) {
  cluster_.StartServer();
  cluster_.StartWorker("w1", 2);
  const Ended submitted = Client({"submit", Spec(kTiny), "--watch"});
  EXPECT_EQ(submitted.status, 0) << submitted.err;
  EXPECT_EQ(submitted.out, "tiny-sweep\n");
  EXPECT_THAT(submitted.err, HasSubstr("8/8 runs  100 %  COMPLETED"));
  EXPECT_THAT(submitted.err, Not(HasSubstr("\033"))) << "no terminal, no control characters";

  EXPECT_THAT(Client({"ls"}).out,
              MatchesRegex("(.|\n)*tiny-sweep +COMPLETED +8/8 +8 succeeded(.|\n)*"));
  EXPECT_EQ(json::parse(Client({"ls", "-o", "json"}).out)["studies"][0]["expected_runs"], 8);
  EXPECT_THAT(Client({"show", "tiny-sweep"}).out, HasSubstr("best so far  trial "));
  EXPECT_EQ(json::parse(Client({"show", "studies/tiny-sweep", "-o", "json"}).out)["study"]["state"],
            "COMPLETED");
  EXPECT_EQ(Client({"watch", "tiny-sweep"}).status, 0) << "it has ended already";
  const json best =
      json::parse(Client({"best", "tiny-sweep", "-n", "2", "-o", "json"}).out)["trials"];
  ASSERT_THAT(best, SizeIs(2));
  EXPECT_LE(best[0]["objective"], best[1]["objective"]);
  EXPECT_THAT(Client({"workers"}).out, HasSubstr("w1"));

  const std::string table = Client({"results", "tiny-sweep", "--by", "training.rule"}).out;
  EXPECT_THAT(table, HasSubstr("validation/error"));
  EXPECT_THAT(table, HasSubstr(" ± "));
  EXPECT_THAT(table, HasSubstr("sigma=0.2"));
  const std::vector<std::string> csv =
      absl::StrSplit(Client({"results", "tiny-sweep", "-o", "csv"}).out, "\r\n");
  EXPECT_THAT(csv, SizeIs(10));
  EXPECT_THAT(csv[0], StartsWith("run,trial,replicate,seed,state,training.rule,"));

  const json results =
      json::parse(Client({"results", "tiny-sweep", "-o", "json", "--history"}).out);
  EXPECT_EQ(results["version"], 1);
  EXPECT_EQ(results["study"], "tiny-sweep");
  ASSERT_THAT(results["runs"], SizeIs(8));
  const json& run = results["runs"][7];
  EXPECT_EQ(run["run"], "studies/tiny-sweep/trials/3/runs/1");
  EXPECT_EQ(run["state"], "SUCCEEDED");
  EXPECT_EQ(run["parameters"], json({{"training.rule", "dtp"},
                                     {"training.forward.lr", 0.01},
                                     {"training.rule.dtp.sigma", 0.2}}));
  EXPECT_THAT(run["history"]["train/loss"], SizeIs(2));
  EXPECT_EQ(run["history"]["train/loss"][1], run["metrics"]["train/loss"]);
  EXPECT_TRUE(run["metrics"]["layer/parameter_norm"].is_array());
}

// Two rules, six learning rates each, two seeds: enough to compare and to explain.
TEST_F(ClientTest, ComparesRulesAndSaysWhatMatters) {
  cluster_.StartServer();
  cluster_.StartWorker("w1", 2);
  const std::string wide = absl::StrReplaceAll(
      kTiny,
      {{"tiny-sweep", "wide"}, {"[0.001, 0.01]", "[0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03]"}});
  ASSERT_EQ(Client({"submit", Spec(wide), "--watch"}).status, 0);

  const std::string picture = cluster_.folder() + "/curves.svg";
  const Ended table = Client({"compare", "wide", "--by", "rule", "--svg", picture});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("- dtp against bp: "));
  EXPECT_THAT(table.out, HasSubstr("best validation/error after 6"));
  EXPECT_THAT(ReadFile(picture).value_or(""), StartsWith("<svg"));
  const json comparison =
      json::parse(Client({"compare", "wide", "--by", "rule", "-o", "json"}).out);
  ASSERT_THAT(comparison["groups"], SizeIs(2));
  EXPECT_EQ(comparison["groups"][0]["trials"], 6);
  EXPECT_EQ(comparison["groups"][0]["seeds"], 2);
  EXPECT_THAT(comparison["curves"][0]["expected"], SizeIs(6));
  const json best = json::parse(Client({"best", "wide", "-n", "1", "-o", "json"}).out)["trials"][0];
  EXPECT_EQ(std::min(comparison["groups"][0]["objective"], comparison["groups"][1]["objective"]),
            best["objective"]);

  const json importance = json::parse(Client({"importance", "wide", "-o", "json"}).out);
  EXPECT_EQ(importance["trials"], 12);
  EXPECT_THAT(importance["parameters"], SizeIs(3));
  EXPECT_EQ(Client({"importance", "wide", "-o", "json"}).out,
            Client({"importance", "wide", "-o", "json"}).out);

  // The same seed and the same trial numbers: pairs.
  const auto only = [&](absl::string_view rule) {
    return absl::StrCat("study: only-", rule, R"(
training:
  dataset: {name: tiny, validation: 50}
  network: {hidden: [8]}
  epochs: 2
  rule: )",
                        rule, R"(
search: {sampler: grid, replicates: 3}
space:
  training.forward.lr: {choice: [0.01]}
)");
  };
  ASSERT_EQ(Client({"submit", Spec(only("bp")), "--watch"}).status, 0);
  ASSERT_EQ(Client({"submit", Spec(only("dfa")), "--watch"}).status, 0);
  const json paired = json::parse(
      Client({"compare", "only-bp", "only-dfa", "--by", "training.rule", "-o", "json"}).out);
  EXPECT_EQ(paired["groups"][1]["study"], "only-dfa");
  EXPECT_EQ(paired["comparisons"][0]["test"], "paired t");

  const auto expect_error = [&](std::vector<std::string> arguments, const char* message) {
    const Ended ended = Client(std::move(arguments));
    EXPECT_EQ(ended.status, 1);
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, HasSubstr(message));
  };
  expect_error({"compare", "nosuch", "--by", "rule"}, "studies/nosuch: no such study");
  expect_error({"compare", "wide", "--by", "rul"}, "searched: training.rule, training.forward.lr");
  expect_error({"compare", "only-bp", "--by", "training.rule"}, "one group cannot be compared");
  expect_error({"importance", "only-bp"}, "only-bp: 1 ended so far");
  EXPECT_EQ(Client({"compare", "wide"}).status, 2) << "--by is required";
}

TEST_F(ClientTest, SubmittingTwiceNeedsAKeyOrAName) {
  cluster_.StartServer();
  const std::string spec = Spec(kTiny);
  EXPECT_EQ(Client({"submit", spec, "--idempotency-key", "k"}).status, 0);
  EXPECT_EQ(Client({"submit", spec, "--idempotency-key", "k"}).status, 0);
  const Ended again = Client({"submit", spec});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("--name NEW"));
  EXPECT_EQ(Client({"submit", spec, "--name", "other"}).status, 0);
  EXPECT_THAT(json::parse(Client({"ls", "-o", "json"}).out)["studies"], SizeIs(2));
}

TEST_F(ClientTest, AnotherClientPausesResumesCancelsAndDeletes) {
  cluster_.StartServer();
  cluster_.StartWorker("w1");
  EXPECT_EQ(Client({"submit", Spec(Long("long"))}).status, 0);
  const auto watcher = Start(AtServer({"watch", "long"}));
  cluster_.WaitForRunning("studies/long");
  EXPECT_EQ(Client({"pause", "long"}).status, 0);
  EXPECT_EQ(json::parse(Client({"show", "long", "-o", "json"}).out)["study"]["state"], "PAUSED");
  EXPECT_EQ(Client({"resume", "long"}).status, 0);
  EXPECT_EQ(Client({"delete", "long"}).status, 1) << "it has not ended";
  EXPECT_EQ(Client({"cancel", "long"}).status, 0);
  EXPECT_EQ(WaitFor(*watcher).status, 4);
  EXPECT_EQ(Client({"delete", "long"}).status, 0);
  const Ended gone = Client({"show", "long"});
  EXPECT_EQ(gone.status, 1);
  EXPECT_THAT(gone.err, HasSubstr("long"));
}

TEST_F(ClientTest, TimeOutEndsTheWatchingAndNotTheStudy) {
  cluster_.StartServer();
  EXPECT_EQ(Client({"submit", Spec(kTiny)}).status, 0);
  const Ended ended = Client({"watch", "tiny-sweep", "--timeout", "1s"});
  EXPECT_EQ(ended.status, 5);
  EXPECT_THAT(ended.err, HasSubstr("the study goes on: tpsweep watch tiny-sweep"));
  EXPECT_THAT(Client({"show", "tiny-sweep"}).out, HasSubstr("ACTIVE"));
}

TEST_F(ClientTest, FailedRunsExitWith3) {
  cluster_.StartServer();
  // The worker offers a folder whose files are broken.
  const std::string data = cluster_.folder() + "/broken";
  WriteSyntheticIdx(data + "/tiny");
  WriteBytes(data + "/tiny/train-labels-idx1-ubyte", "not an IDX file");
  cluster_.StartWorker("w1", 1, data);
  const Ended ended = Client({"submit", Spec(kTiny), "--watch", "--timeout", "60s"});
  EXPECT_EQ(ended.status, 3) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("FAILED: "));
  EXPECT_THAT(Client({"results", "tiny-sweep", "--runs"}).out,
              HasSubstr("train-labels-idx1-ubyte"));
}

TEST_F(ClientTest, SaysWhatAStudyWaitsFor) {
  cluster_.StartServer();
  cluster_.StartWorker("w1");
  const std::string spec = Spec(absl::StrReplaceAll(kTiny, {{"name: tiny", "name: absent"}}));
  const Ended ended = Client({"submit", spec, "--watch", "--timeout", "6s"});
  EXPECT_EQ(ended.status, 5);
  EXPECT_THAT(ended.err, HasSubstr("waiting: "));
  EXPECT_THAT(ended.err, HasSubstr("absent"));
}

TEST_F(ClientTest, ARunOnThisMachineSaysAtOnceThatADataSetIsMissing) {
  const std::string spec = Spec(absl::StrReplaceAll(kTiny, {{"name: tiny", "name: absent"}}));
  const Ended ended = Tpsweep({"run", spec, "--dir", RunDir(), "--data", cluster_.DataFolder()});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.err, HasSubstr("training.dataset.name: data set 'absent' not found"));
  EXPECT_THAT(ended.err, HasSubstr(cluster_.DataFolder()));
}

TEST_F(ClientTest, WatchSurvivesARestartOfTheServer) {
  cluster_.StartServer();
  const auto watcher = Start(AtServer({"submit", Spec(kTiny), "--watch"}));
  ASSERT_TRUE(WaitUntil([&] { return !watcher->Output().empty(); }));
  cluster_.server().Signal(SIGKILL);
  ASSERT_TRUE(cluster_.server().WaitForExit().has_value());
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(watcher->Errors(), "server is away"); }));
  cluster_.StartServer();
  cluster_.StartWorker("w1", 2);
  const Ended ended = WaitFor(*watcher);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("the server is back"));
}

TEST_F(ClientTest, RunDoesItAllAndASecondRunShowsTheSame) {
  const std::string spec = Spec(kTiny);
  std::vector<std::string> command = RunCommand(spec);
  command.insert(command.end(), {"-o", "json", "--history"});
  const Ended first = Tpsweep(command);
  ASSERT_EQ(first.status, 0) << first.err;
  const json results = json::parse(first.out);  // standard output has the JSON alone
  ASSERT_THAT(results["runs"], SizeIs(8));
  EXPECT_THAT(results["runs"][0]["history"]["validation/error"], SizeIs(2));
  ExpectNothingLeftRunning();

  const Ended second = Tpsweep(command);
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_EQ(json::parse(second.out), results);
  EXPECT_THAT(second.err, HasSubstr("8 done before"));
  ExpectNothingLeftRunning();

  WriteBytes(spec, absl::StrReplaceAll(kTiny, {{"epochs: 2", "epochs: 1"}}));
  const Ended edited = Tpsweep(command);
  EXPECT_EQ(edited.status, 1);
  EXPECT_THAT(edited.err, HasSubstr("has a study tiny-sweep already"));
  EXPECT_THAT(edited.err, HasSubstr("--name NEW"));
  command.insert(command.end(), {"--name", "edited"});
  EXPECT_EQ(json::parse(Tpsweep(command).out)["study"], "edited");
  ExpectNothingLeftRunning();
}

TEST_F(ClientTest, RunPrintsTablesAndCsv) {
  std::vector<std::string> command = RunCommand(Spec(kTiny));
  command.insert(command.end(), {"--by", "training.rule", "--quiet", "--workers", "1"});
  const Ended table = Tpsweep(command);
  EXPECT_EQ(table.status, 0);
  EXPECT_EQ(table.err, "") << "--quiet";
  EXPECT_THAT(table.out, HasSubstr("best trial for each training.rule\nrule "));
  command.insert(command.end(), {"-o", "csv"});
  EXPECT_THAT(Tpsweep(command).out, StartsWith("training.rule,trials,best_trial,"));
}

TEST_F(ClientTest, CtrlCStopsARunInOrderAndTheNextOneGoesOn) {
  // Two runs that are done at once, then two that are not.
  const std::string spec = Spec(R"(
study: mixed
training: {dataset: {name: tiny, validation: 50}, network: {hidden: [8]}, rule: bp}
search: {sampler: grid, replicates: 2}
space: {training.epochs: {choice: [1, 20000]}}
)");
  const auto run = Start(RunCommand(spec));
  const auto has_done_two = [&] {
    const std::string address = ReadFile(RunDir() + "/server.port").value_or("");
    if (address.empty()) return false;
    const json shown = json::parse(
        Tpsweep({"show", "mixed", "--server", address, "-o", "json"}).out, nullptr, false);
    return !shown.is_discarded() && shown["study"]["runs"]["succeeded"] == 2;
  };
  ASSERT_TRUE(WaitUntil(has_done_two)) << run->Errors();
  run->Signal(SIGINT);
  const Ended ended = WaitFor(*run, absl::Seconds(20));
  EXPECT_EQ(ended.status, 4);
  EXPECT_THAT(ended.err, HasSubstr("the same command goes on from there"));
  EXPECT_EQ(ended.out, "");
  ExpectNothingLeftRunning();

  const auto next = Start(RunCommand(spec));
  const Ended finished = WaitFor(*next, absl::Seconds(150));
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("4 runs, 2 done before"));
  EXPECT_THAT(finished.err, HasSubstr("4/4 runs  100 %  COMPLETED"));
}

TEST_F(ClientTest, ARunThatIsKilledTakesItsProcessesAlong) {
  const auto run = Start(RunCommand(Spec(Long("long"))));
  ASSERT_TRUE(WaitUntil([&] { return NumProcesses(cluster_.folder()) == 4; }, absl::Seconds(30)))
      << "the run, its server and two workers; " << run->Errors();
  run->Signal(SIGKILL);
  ASSERT_TRUE(run->WaitForExit().has_value());
  ExpectNothingLeftRunning();
}

TEST_F(ClientTest, RunCanBeWatchedAndCancelledFromElsewhere) {
  const auto run = Start(RunCommand(Spec(Long("long"))));
  const std::string port_file = RunDir() + "/server.port";
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(run->Errors(), " running"); }));
  const std::string address = ReadFile(port_file).value_or("");
  EXPECT_EQ(Tpsweep({"cancel", "long", "--server", address}).status, 0);
  const Ended ended = WaitFor(*run);
  EXPECT_EQ(ended.status, 4);
  EXPECT_THAT(ended.out, HasSubstr("CANCELLED")) << "the results so far are printed";
  ExpectNothingLeftRunning();
}

TEST_F(ClientTest, TwoRunsCannotShareAFolder) {
  const auto first = Start(RunCommand(Spec(Long("long"))));
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(first->Errors(), "0/8 runs"); }));
  const Ended second = Tpsweep(RunCommand(Spec(kTiny)));
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr("another `tpsweep run` (process "));
  EXPECT_THAT(second.err, HasSubstr("--dir"));
}

TEST_F(ClientTest, RunStartsAWorkerAgainThatDies) {
  const auto run =
      Start(RunCommand(Spec(absl::StrReplaceAll(kTiny, {{"epochs: 2", "epochs: 2000"}}))));
  ASSERT_TRUE(WaitUntil([&] { return NumProcesses("tpsweep-worker") >= 1; }));
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(run->Errors(), "0/8 runs"); }));
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    const std::string command((std::istreambuf_iterator<char>(file)), {});
    if (absl::StrContains(command, "tpsweep-worker") &&
        absl::StrContains(command, cluster_.DataFolder())) {
      kill(std::stoi(entry.path().filename()), SIGKILL);
      break;
    }
  }
  const Ended ended = WaitFor(*run);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("ended (signal 9 (Killed)); starting it again"));
}

}  // namespace
}  // namespace tpsweep
