// Whole sweeps that nothing disturbs.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/spec/validate.h"
#include "common/spec/yaml.h"
#include "tests/fakes/sanitized.h"
#include "tests/fakes/status_matchers.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// What `tpsweep-worker train -o json` printed, in the form of Cluster::Numbers.
RunNumbers NumbersOfTrain(const std::string& output) {
  const nlohmann::json result = nlohmann::json::parse(output);
  EXPECT_EQ(result["state"], "SUCCEEDED");
  RunNumbers numbers;
  for (const auto& [name, values] : result["history"].items()) {
    if (!IsReproducible(name)) continue;
    for (size_t k = 0; k < values.size(); ++k) {
      const auto sequence = static_cast<int64_t>(k) + 1;
      const auto add = [&](const std::string& full_name, const nlohmann::json& value) {
        if (value.is_number()) numbers[{sequence, full_name}] = NumberText(value);
      };
      if (!values[k].is_array()) add(name, values[k]);
      for (size_t i = 0; values[k].is_array() && i < values[k].size(); ++i) {
        add(absl::StrCat(name, "[", i, "]"), values[k][i]);
      }
    }
  }
  return numbers;
}

// JSON has no NaN or infinity: what is not finite is left out on both sides.
RunNumbers FiniteOnly(RunNumbers numbers) {
  std::erase_if(numbers, [](const auto& entry) { return !std::isfinite(std::stod(entry.second)); });
  return numbers;
}

v1::Parameter ChoiceOf(const std::string& path, const std::vector<std::string>& values) {
  v1::Parameter parameter;
  parameter.set_path(path);
  for (const std::string& value : values) {
    parameter.mutable_choice()->add_values()->set_string_value(value);
  }
  return parameter;
}

TEST(SweepTest, ResultsEqualThoseOfTrainBitForBit) {
  Cluster cluster;
  cluster.StartServer();
  cluster.StartWorker("w1", 2);
  cluster.StartWorker("w2", 1);
  v1::StudySpec spec = LongStudy("compare", {0.003, 0.03});
  spec.mutable_training()->clear_rule();
  spec.mutable_training()->set_epochs(3);
  *spec.add_space() = ChoiceOf("training.rule", {"bp", "dtp", "ddtp_linear"});
  spec.mutable_search()->set_replicates(2);

  const v1::Study created = cluster.Create(spec);
  EXPECT_EQ(created.expected_runs(), 12);
  const v1::Study study = cluster.WaitForEnd(created.name());
  EXPECT_EQ(study.runs().succeeded(), 12);
  const std::vector<v1::Trial> trials = cluster.Trials(study.name());
  const std::map<std::string, RunNumbers> numbers = cluster.Numbers(study.name());
  ASSERT_THAT(numbers, SizeIs(12));

  std::set<std::string> workers;
  for (const v1::Run& run : cluster.Runs(study.name())) {
    workers.insert(run.worker());
    TP_ASSERT_OK_AND_ASSIGN(
        const v1::TrainingSpec training,
        spec::Configure(study.spec(), trials.at(static_cast<size_t>(run.trial())),
                        run.replicate()));
    EXPECT_EQ(training.seed(), run.seed());
    const std::string file = cluster.folder() + "/run.yaml";
    std::ofstream(file) << spec::ToYaml(training);
    const auto train = cluster.Start("train", "tpsweep-worker",
                                     {"train", file, "--data", cluster.DataFolder(), "-o", "json"});
    ASSERT_EQ(train->WaitForExit(), 0) << train->Errors();
    const RunNumbers alone = NumbersOfTrain(train->Output());
    EXPECT_GT(alone.size(), 20u);
    EXPECT_EQ(FiniteOnly(numbers.at(run.name().substr(study.name().size()))), alone) << run.name();
  }
  EXPECT_THAT(workers, ElementsAre("w1", "w2"));
}

// A data set is held once, in its bytes, however many runs train on it; here two at a time
// in float64, on the networks of the presets.
TEST(SweepTest, AWorkerOnFashionMnistStaysSmall) {
  Cluster cluster;
  cluster.StartServer();
  Process& worker = cluster.StartWorker("w", 2, "/usr/share/datasets");
  v1::StudySpec spec = LongStudy("memory", {0.001, 0.003, 0.01, 0.03});
  v1::TrainingSpec& training = *spec.mutable_training();
  training.mutable_dataset()->set_name("fashion-mnist");
  training.mutable_dataset()->set_validation(5000);
  training.mutable_dataset()->set_train_samples(2000);
  training.mutable_network()->clear_hidden();
  for (int i = 0; i < 5; ++i) training.mutable_network()->add_hidden(256);
  training.mutable_ddtp_linear();
  training.set_precision(v1::PRECISION_FLOAT64);
  training.set_batch_size(128);
  training.set_epochs(1);
  cluster.WaitForEnd(cluster.Create(spec).name());
  EXPECT_GT(worker.PeakMemory(), 60 << 20) << "it has the training images";
  // A sanitizer has memory of its own beside that.
  EXPECT_LT(worker.PeakMemory(), int64_t{kIsSanitized ? 2048 : 300} << 20);
}

TEST(SweepTest, ARecordedStudyCanBeSimulated) {
  Cluster cluster;
  cluster.StartServer();
  cluster.StartWorker("w", 2);
  v1::StudySpec spec = LongStudy("recorded", {0.003, 0.01, 0.03});
  spec.mutable_training()->set_epochs(3);
  cluster.WaitForEnd(cluster.Create(spec).name());
  const std::string store = cluster.folder() + "/store.sqlite";
  const std::string recording = cluster.folder() + "/curves.json";
  const auto record = [&](const std::string& study) {
    return cluster.Start("record", "tpsweep-server",
                         {"record", study, recording, "--store", store});
  };
  const auto too_early = record("recorded");
  EXPECT_EQ(too_early->WaitForExit(), 1) << "the server has the store";
  cluster.server().Signal(SIGTERM);
  ASSERT_EQ(cluster.server().WaitForExit(), 0);
  const auto unknown = record("other");
  EXPECT_EQ(unknown->WaitForExit(), 1);
  EXPECT_THAT(unknown->Errors(), HasSubstr("studies/other"));
  const auto recorded = record("recorded");
  ASSERT_EQ(recorded->WaitForExit(), 0) << recorded->Errors();
  EXPECT_THAT(recorded->Output(), HasSubstr("3 curves of study recorded"));

  const std::string sweep = cluster.folder() + "/all.yaml";
  std::ofstream(sweep) << "search: {sampler: grid}\n";
  const std::string csv = cluster.folder() + "/courses.csv";
  const auto simulate = cluster.Start(
      "simulate", "tpsweep-server",
      {"simulate", sweep, "--curves", recording, "--slots", "1,2", "--seeds", "2", "--csv", csv});
  ASSERT_EQ(simulate->WaitForExit(), 0) << simulate->Errors();
  EXPECT_THAT(simulate->Output(), HasSubstr("3 recorded trials of 3 epochs"));
  // Both numbers of slots: three trials of three epochs, which find the best.
  EXPECT_THAT(simulate->Output(), testing::ContainsRegex("1  all +3.0 +9 .* 0 "));
  EXPECT_THAT(simulate->Output(), testing::ContainsRegex("2  all +3.0 +9 .* 0 "));
  std::ifstream courses(csv);
  std::string head;
  std::getline(courses, head);
  EXPECT_EQ(head, "slots,sweep,epochs,regret,low,high");
}

TEST(SweepTest, RunsOfNoEpochsEndAtOnce) {
  Cluster cluster;
  cluster.StartServer();
  cluster.StartWorker("w", 2);
  v1::StudySpec spec = LongStudy("empty");
  spec.mutable_training()->set_epochs(0);
  spec.mutable_search()->set_replicates(200);
  const v1::Study study = cluster.WaitForEnd(cluster.Create(spec).name());
  EXPECT_EQ(study.runs().succeeded(), 200);
}

TEST(SweepTest, AStudyWhoseDataNobodyHasWaitsAndSaysWhy) {
  Cluster cluster;
  cluster.StartServer();
  cluster.StartWorker("poor", 1, "/nowhere");
  v1::StudySpec spec = LongStudy("waiting");
  spec.mutable_training()->set_epochs(1);
  const std::string study = cluster.Create(spec).name();
  ASSERT_TRUE(WaitUntil([&] { return cluster.Workers().size() == 1; }));
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(cluster.Get(study).waiting_reason(), "data set 'tiny'");
  })) << cluster.Get(study).waiting_reason();
  EXPECT_EQ(cluster.Get(study).runs().running(), 0);

  cluster.StartWorker("rich");
  EXPECT_THAT(cluster.WaitForEnd(study).waiting_reason(), IsEmpty());
  EXPECT_EQ(cluster.Runs(study).at(0).worker(), "rich");
}

TEST(SweepTest, TwoClientsAtOnceEachGetTheirOwn) {
  Cluster cluster;
  cluster.StartServer();
  cluster.StartWorker("w1");
  cluster.StartWorker("w2");
  // Both want the name `shared`; each also has a study of its own.
  std::vector<grpc::StatusCode> shared(2);
  std::vector<std::thread> clients;
  for (size_t i = 0; i < 2; ++i) {
    clients.emplace_back([&, i] {
      const auto service = cluster.NewService();
      const auto create = [&](const std::string& name, double rate) {
        v1::CreateStudyRequest request;
        *request.mutable_spec() = LongStudy(name, {rate});
        request.mutable_spec()->mutable_training()->set_epochs(2);
        grpc::ClientContext context;
        v1::Study study;
        return service->CreateStudy(&context, request, &study).error_code();
      };
      EXPECT_EQ(create(absl::StrCat("own-", i), 0.01), grpc::StatusCode::OK);
      shared[i] = create("shared", i == 0 ? 0.01 : 0.02);
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_THAT(shared, testing::UnorderedElementsAre(grpc::StatusCode::OK,
                                                    grpc::StatusCode::ALREADY_EXISTS));
  for (const char* name : {"studies/own-0", "studies/own-1", "studies/shared"}) {
    EXPECT_EQ(cluster.WaitForEnd(name).runs().succeeded(), 1) << name;
  }
  // The same spec and seed: the same numbers, whoever asked and trained.
  EXPECT_EQ(cluster.Numbers("studies/own-0"), cluster.Numbers("studies/own-1"));
}

}  // namespace
}  // namespace tpsweep
