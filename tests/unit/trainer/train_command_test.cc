#include "worker/train_command.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/synthetic_idx.h"

namespace tpsweep {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class TrainCommandTest : public testing::Test {
 protected:
  TrainCommandTest() { WriteSyntheticIdx(folder_.File("toy")); }

  // The spec with further lines of YAML.
  std::string WriteSpec(const std::string& more) {
    const std::string path = folder_.File("spec.yaml");
    WriteBytes(path, absl::StrCat("dataset: {name: toy, validation: 20}\n"
                                  "network: {hidden: [8]}\nbatch_size: 16\n",
                                  more));
    return path;
  }

  TrainOptions Options(const std::string& more, TrainOptions::Output output) {
    TrainOptions options;
    options.spec_path = WriteSpec(more);
    options.data_path = {folder_.path()};
    options.output = output;
    return options;
  }

  int Run(const TrainOptions& options) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = RunTrainCommand(options);
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return status;
  }

  TempFolder folder_;
  std::string out_, err_;
};

constexpr auto kTable = TrainOptions::Output::kTable;
constexpr auto kJson = TrainOptions::Output::kJson;

TEST_F(TrainCommandTest, TableHasALineForEachEpoch) {
  EXPECT_EQ(Run(Options("rule: bp\nepochs: 3\n", kTable)), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("validation/error"), HasSubstr("\n     1         7 "),
                          HasSubstr("\n     3        21 ")));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 4);
  EXPECT_THAT(err_, HasSubstr("no published checksums"));
}

TEST_F(TrainCommandTest, MeasurementsOfMiniBatchesAreInTheJsonAndNotInTheTable) {
  const std::string spec =
      "rule: bp\nepochs: 2\nmeasure: {every: 5, quantities: [bp_angle, norms]}\n";
  ASSERT_EQ(Run(Options(spec, kTable)), 0) << err_;
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3) << out_;
  ASSERT_EQ(Run(Options(spec, kJson)), 0) << err_;
  const json result = json::parse(out_, nullptr, false);
  ASSERT_TRUE(result.is_object()) << out_;
  EXPECT_EQ(result["history"]["train/loss"].size(), 2u);
  EXPECT_EQ(result["measurements"]["step"], json({0, 5, 10}));
  EXPECT_EQ(result["measurements"]["epoch"], json({0, 0, 1}));
  ASSERT_EQ(result["measurements"]["layer/bp_angle_weight"].size(), 3u);
  EXPECT_EQ(result["measurements"]["layer/bp_angle_weight"][0].size(), 2u);
}

TEST_F(TrainCommandTest, JsonHasTheDocumentedShape) {
  EXPECT_EQ(Run(Options("training:\n  dataset: {name: toy, validation: 20}\n  rule: dtp\n"
                        "  network: {hidden: [8]}\n  epochs: 2\n  seed: 5\n",
                        kJson)),
            1);  // bare and under `training` at once
  TrainOptions options = Options("rule: dtp\nepochs: 2\nseed: 5\n", kJson);
  ASSERT_EQ(Run(options), 0) << err_;
  const json result = json::parse(out_, nullptr, false);
  ASSERT_TRUE(result.is_object()) << out_;
  EXPECT_EQ(result["version"], 1);
  EXPECT_EQ(result["state"], "SUCCEEDED");
  EXPECT_EQ(result["seed"], 5);
  ASSERT_EQ(result["history"]["test/error"].size(), 2u);
  EXPECT_EQ(result["metrics"]["test/error"], result["history"]["test/error"][1]);
  // One entry a layer; the output layer is reconstructed by nobody.
  ASSERT_EQ(result["metrics"]["layer/feedback_loss"].size(), 2u);
  EXPECT_TRUE(result["metrics"]["layer/feedback_loss"][0].is_number());
  EXPECT_TRUE(result["metrics"]["layer/feedback_loss"][1].is_null());
}

TEST_F(TrainCommandTest, ThreadsChangeNothingButTime) {
  TrainOptions options = Options("rule: ddtp_linear\nepochs: 2\n", kJson);
  ASSERT_EQ(Run(options), 0) << err_;
  json one = json::parse(out_, nullptr, false)["metrics"];
  options.threads = 2;
  ASSERT_EQ(Run(options), 0) << err_;
  json two = json::parse(out_, nullptr, false)["metrics"];
  for (const char* name : {"seconds", "samples_per_second"}) {
    one.erase(name);
    two.erase(name);
  }
  EXPECT_EQ(one, two);
}

TEST_F(TrainCommandTest, SigtermSavesWhereToGoOnAndTheEndIsTheSame) {
  // So many epochs that the signal finds it training; the first checkpoint says
  // that it is.
  TrainOptions endless = Options("rule: dtp\nepochs: 1000000\n", kJson);
  endless.checkpoint_path = folder_.File("stopped");
  std::thread killer([&] {
    while (!std::filesystem::exists(endless.checkpoint_path)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    kill(getpid(), SIGTERM);
  });
  EXPECT_EQ(Run(endless), 4) << err_;
  killer.join();
  const json stopped = json::parse(out_, nullptr, false);
  EXPECT_EQ(stopped["state"], "STOPPED");

  const auto train_on = [&](const std::string& resume_path, const char* name) {
    const size_t epochs = stopped["history"]["seconds"].size() + 2;
    TrainOptions options = Options(absl::StrCat("rule: dtp\nepochs: ", epochs, "\n"), kJson);
    options.resume_path = resume_path;
    options.checkpoint_path = folder_.File(name);
    EXPECT_EQ(Run(options), 0) << err_;
    return ReadFile(options.checkpoint_path).value();
  };
  EXPECT_EQ(train_on(endless.checkpoint_path, "rest"), train_on("", "whole"));
}

TEST_F(TrainCommandTest, DivergenceEndsWithStatus3) {
  EXPECT_EQ(Run(Options("rule: bp\nepochs: 50\nforward: {lr: 1000, sgd: {}}\nloss: mse\n"
                        "network: {hidden: [8], activation: relu}\n",
                        kJson)),
            1);  // `network` twice
  TrainOptions options = Options("", kJson);
  WriteBytes(options.spec_path,
             "dataset: {name: toy, validation: 20}\nrule: bp\nepochs: 50\nloss: mse\n"
             "forward: {lr: 1000, sgd: {}}\nnetwork: {hidden: [8], activation: relu}\n");
  EXPECT_EQ(Run(options), 3) << err_;
  const json result = json::parse(out_, nullptr, false);
  EXPECT_EQ(result["state"], "INFEASIBLE");
  EXPECT_THAT(result["message"].get<std::string>(), HasSubstr("not finite"));
}

TEST_F(TrainCommandTest, ErrorsNameTheFileAndEndWithStatus1) {
  EXPECT_EQ(Run(Options("rule: dpt\n", kTable)), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("spec.yaml:4:7:"), HasSubstr("'dtp'")));

  TrainOptions options = Options("rule: bp\n", kTable);
  options.data_path = {"/nowhere"};
  EXPECT_EQ(Run(options), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("'toy' was not found"), HasSubstr("/nowhere")));

  options = Options("rule: bp\n", kTable);
  options.resume_path = options.spec_path;
  EXPECT_EQ(Run(options), 1);
  EXPECT_THAT(err_, HasSubstr("spec.yaml: checkpoint: "));

  options = Options("rule: bp\nepochs: 1\n", kTable);
  options.checkpoint_path = folder_.File("no/such/folder/checkpoint");
  EXPECT_EQ(Run(options), 1);
  EXPECT_THAT(err_, HasSubstr("no/such/folder"));

  options.spec_path = folder_.File("absent.yaml");
  EXPECT_EQ(Run(options), 1);
  EXPECT_THAT(err_, HasSubstr("absent.yaml"));
}

TEST_F(TrainCommandTest, NoEpochsNeedsNoData) {
  TrainOptions options = Options("rule: bp\nepochs: 0\n", kJson);
  options.data_path = {};
  EXPECT_EQ(Run(options), 0) << err_;
  EXPECT_EQ(json::parse(out_, nullptr, false)["history"]["seconds"], json::array({0.0}));
}

}  // namespace
}  // namespace tpsweep
