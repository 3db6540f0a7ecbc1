// Lists of messages in sweep files, paths and spaces: the layers of a network.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/spec/field_path.h"
#include "common/spec/validate.h"
#include "common/spec/yaml.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Value;
using google::protobuf::util::MessageDifferencer;
using testing::HasSubstr;

constexpr char kNetwork[] = R"(dataset: {name: cifar10}
rule: bp
network:
  layers:
    - conv: {channels: 32}
    - conv: {channels: 64, pool: 1}
    - dense: {units: 512}
measure: {every: 3, quantities: [bp_angle, gnt_angle]}
)";

v1::TrainingSpec Training(const std::string& text) {
  const auto spec = ParseAndCompleteTraining(text, "t.yaml");
  EXPECT_THAT(spec, IsOk());
  return spec.value_or(v1::TrainingSpec());
}

TEST(Layers, AreReadInEveryStyleAndCompleted) {
  const v1::TrainingSpec spec = Training(kNetwork);
  ASSERT_EQ(spec.network().layers_size(), 3);
  EXPECT_EQ(spec.network().layers(0).conv().channels(), 32);
  EXPECT_EQ(spec.network().layers(0).conv().kernel(), 5);
  EXPECT_EQ(spec.network().layers(1).conv().pool(), 1);
  EXPECT_EQ(spec.network().layers(2).dense().units(), 512);
  EXPECT_THAT(spec.measure().quantities(),
              testing::ElementsAre(v1::QUANTITY_BP_ANGLE, v1::QUANTITY_GNT_ANGLE));
  const v1::TrainingSpec flow = Training(
      "dataset: {name: cifar10}\nrule: bp\nnetwork: {layers: [{conv: {channels: 32}}, {conv: "
      "{channels: 64, pool: 1}}, {dense: {units: 512}}]}\nmeasure:\n  every: 3\n  quantities:\n    "
      "- bp_angle\n    - gnt_angle\n");
  EXPECT_TRUE(MessageDifferencer::Equals(flow, spec));
}

TEST(Layers, AreWrittenAsTheyAreRead) {
  const auto parsed = ParseTrainingSpec(kNetwork, "t.yaml");
  TP_ASSERT_OK(parsed);
  EXPECT_THAT(ToYaml(*parsed), HasSubstr("  layers:\n"
                                         "    - conv:\n"
                                         "        channels: 32\n"
                                         "    - conv:\n"
                                         "        channels: 64\n"
                                         "        pool: 1\n"
                                         "    - dense:\n"
                                         "        units: 512\n"));
  EXPECT_THAT(ToYaml(*parsed), HasSubstr("quantities: [bp_angle, gnt_angle]"));
  EXPECT_TRUE(MessageDifferencer::Equals(Training(ToYaml(*parsed)), Training(kNetwork)));
  v1::TrainingSpec empty;
  empty.mutable_network()->add_layers()->mutable_conv();
  EXPECT_EQ(ToYaml(empty), "network:\n  layers:\n    - conv: {}\n");
}

Value Number(double number) {
  Value value;
  value.set_number_value(number);
  return value;
}

Value Text(const std::string& text) {
  Value value;
  value.set_string_value(text);
  return value;
}

TEST(Layers, AreSetByPath) {
  v1::StudySpec spec;
  TP_EXPECT_OK(SetField(spec, "training.network.layers[0].conv.channels", Number(4)));
  TP_EXPECT_OK(SetField(spec, "training.network.layers[1]", Text("dense")));
  TP_EXPECT_OK(SetField(spec, "training.network.layers[1].dense.units", Number(7)));
  ASSERT_EQ(spec.training().network().layers_size(), 2);
  EXPECT_EQ(spec.training().network().layers(0).conv().channels(), 4);
  EXPECT_EQ(spec.training().network().layers(1).dense().units(), 7);
  EXPECT_THAT(HasField(spec, "training.network.layers[1].dense.units"), IsOkAndHolds(true));
  EXPECT_THAT(HasField(spec, "training.network.layers[2].dense.units"), IsOkAndHolds(false));
  EXPECT_THAT(HasField(spec, "training.network.layers[1]"), IsOkAndHolds(true));
  EXPECT_THAT(HasField(spec, "training.network.layers"), IsOkAndHolds(true));
}

TEST(Layers, SayWhereAPathBreaks) {
  v1::StudySpec spec;
  TP_EXPECT_OK(SetField(spec, "training.network.layers[0]", Text("conv")));
  for (const auto& [path, message] : {
           std::pair("training.network.layers.conv.channels",
                     "training.network.layers: is a list: name one of its elements, as in "
                     "training.network.layers[0]"),
           std::pair("training.network.layers[0].cnov.channels",
                     "training.network.layers[0].cnov: no such choice; did you mean 'conv'?"),
           std::pair("training.network.layers[0].conv.chanels",
                     "training.network.layers[0].conv.chanels: no such field; did you mean "
                     "'channels'?"),
           std::pair("training.network.layers[0].dense.units",
                     "cannot be set: the layer is conv, not dense"),
           std::pair("training.network.layers[2].dense.units",
                     "the list has 1 elements, counted from 0; [2] would leave a gap"),
           std::pair("training.network[0].hidden", "training.network: not a list"),
           std::pair("space[0].path", "space: has no fields of its own"),
       }) {
    EXPECT_THAT(SetField(spec, path, Number(1)).message(), HasSubstr(message)) << path;
  }
}

constexpr char kSearched[] = R"(study: s
training:
  dataset: {name: mnist}
  rule: bp
  network: {layers: [{conv: {kernel: 3}}]}
search: {sampler: {random: {trials: 3}}}
space:
  'training.network.layers[0].conv.channels': {integer: [2, 8]}
  'training.network.layers[1]': {choice: [conv, dense]}
  'training.network.layers[1].conv.channels': {choice: [4], when: {'training.network.layers[1]': conv}}
  'training.network.layers[1].dense.units': {choice: [9], when: {'training.network.layers[1]': dense}}
)";

TEST(Layers, AreSearched) {
  TP_ASSERT_OK_AND_ASSIGN(const v1::StudySpec spec, ParseAndCompleteStudy(kSearched, "s.yaml"));
  v1::Trial trial;
  const auto assign = [&trial](const std::string& path, const Value& value) {
    v1::Assignment& assignment = *trial.add_parameters();
    assignment.set_path(path);
    *assignment.mutable_value() = value;
  };
  assign("training.network.layers[1].dense.units", Number(9));
  assign("training.network.layers[1]", Text("dense"));
  assign("training.network.layers[0].conv.channels", Number(5));
  TP_ASSERT_OK_AND_ASSIGN(const v1::TrainingSpec training, Configure(spec, trial, 0));
  EXPECT_EQ(training.network().layers(0).conv().channels(), 5);
  EXPECT_EQ(training.network().layers(0).conv().kernel(), 3);
  EXPECT_EQ(training.network().layers(1).dense().units(), 9);
}

TEST(Layers, AFieldOfALayerThatIsAnotherKindIsNotSearched) {
  const std::string text =
      absl::StrCat(kSearched, "  'training.network.layers[0].dense.units': {choice: [3]}\n");
  EXPECT_THAT(ParseAndCompleteStudy(text, "s.yaml").status().message(),
              HasSubstr("s.yaml:12:3: space.training.network.layers[0].dense.units: exists only "
                        "where training.network.layers[0] is dense, but it is conv"));
}

TEST(EmptySpace, IsASingleConfigurationOfTheGrid) {
  TP_ASSERT_OK_AND_ASSIGN(
      v1::StudySpec spec,
      ParseAndCompleteStudy("study: s\ntraining: {dataset: {name: mnist}, rule: bp}\nsearch: "
                            "{sampler: grid, replicates: 3}\n",
                            "s.yaml"));
  TP_EXPECT_OK(Configure(spec, v1::Trial(), 2));
  TP_EXPECT_OK(Complete(spec));
}

TEST(ParseValue, ReadsWhatAFieldMayBe) {
  TP_ASSERT_OK_AND_ASSIGN(const Value list, ParseValue("[256, tanh]", "value"));
  EXPECT_EQ(ToText(list), "[256, tanh]");
  EXPECT_THAT(ParseValue("{a: 1}", "value").status().message(), HasSubstr("is a map"));
  EXPECT_THAT(ParseValue("", "value").status().message(), HasSubstr("is empty"));
}

}  // namespace
}  // namespace tpsweep::spec
