#include "common/spec/yaml.h"

#include <gtest/gtest.h>

#include <string>

#include "google/protobuf/util/message_differencer.h"
#include "tests/fakes/status_matchers.h"
#include "tests/unit/spec/sweep_files.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::util::MessageDifferencer;

v1::StudySpec Study(const std::string& text) {
  const auto spec = ParseStudySpec(text, "sweep.yaml");
  EXPECT_THAT(spec, IsOk());
  return spec.value_or(v1::StudySpec());
}

TEST(Yaml, ReadsAComparisonOfRules) {
  const v1::StudySpec spec = Study(kComparison);
  EXPECT_EQ(spec.study(), "fashion-mnist-first-look");
  EXPECT_EQ(spec.objective().metric(), "validation/error");
  EXPECT_EQ(spec.objective().goal(), v1::GOAL_MINIMIZE);
  EXPECT_EQ(spec.training().dataset().name(), "fashion-mnist");
  EXPECT_EQ(spec.training().dataset().validation(), 5000);
  EXPECT_THAT(spec.training().network().hidden(), testing::ElementsAre(256, 256, 256));
  EXPECT_EQ(spec.training().network().activation(), v1::ACTIVATION_TANH);
  EXPECT_EQ(spec.training().epochs(), 3);
  EXPECT_EQ(spec.training().rule_case(), v1::TrainingSpec::RULE_NOT_SET);
  EXPECT_EQ(spec.search().sampler().random().trials(), 12);
  EXPECT_EQ(spec.search().replicates(), 2);
  ASSERT_EQ(spec.space_size(), 3);
  EXPECT_EQ(spec.space(0).path(), "training.rule");
  EXPECT_EQ(spec.space(0).choice().values(2).string_value(), "ddtp_linear");
  EXPECT_EQ(spec.space(1).log().low(), 1e-5);
  EXPECT_EQ(spec.space(1).log().high(), 1e-2);
  ASSERT_EQ(spec.space(2).when_size(), 1);
  EXPECT_EQ(spec.space(2).when(0).path(), "training.rule");
  ASSERT_EQ(spec.space(2).when(0).values_size(), 1);
  EXPECT_EQ(spec.space(2).when(0).values(0).string_value(), "dtp");
}

TEST(Yaml, AcceptsEverySpellingOfAChoice) {
  v1::TrainingSpec expected;
  expected.mutable_forward()->add_lr(0.001);
  expected.mutable_forward()->mutable_adam()->set_beta1(0.8);
  expected.mutable_bp();
  for (const char* text : {
           "{rule: bp, forward: {lr: 1e-3, algorithm: {adam: {beta1: 0.8}}}}",
           "{rule: {bp: {}}, forward: {lr: [0.001], adam: {beta1: 0.8}}}",
           "{rule: {bp: }, forward: {adam: {beta1: .8}, lr: 1.0e-3}}",
       }) {
    const auto spec = ParseTrainingSpec(text, "t.yaml");
    TP_ASSERT_OK(spec);
    EXPECT_TRUE(MessageDifferencer::Equals(*spec, expected)) << text << "\n" << spec->DebugString();
  }
}

TEST(Yaml, TextFieldsTakeAnyWord) {
  EXPECT_EQ(Study("study: 123").study(), "123");
  EXPECT_EQ(Study("study: true").study(), "true");
}

TEST(Yaml, AliasesRepeatWhatTheyName) {
  const v1::StudySpec spec =
      Study("training: {forward: &sgd {sgd: {momentum: 0.5}}, feedback: *sgd}");
  EXPECT_EQ(spec.training().forward().sgd().momentum(), 0.5);
  EXPECT_EQ(spec.training().feedback().sgd().momentum(), 0.5);
}

TEST(Yaml, ABareTrainingFileAndOneUnderItsKeyAreTheSame) {
  const char* bare = "dataset: {name: mnist}\nrule: dtp\n";
  const char* under = "training:\n  dataset: {name: mnist}\n  rule: dtp\n";
  TP_ASSERT_OK_AND_ASSIGN(const v1::TrainingSpec a, ParseAndCompleteTraining(bare, "t"));
  TP_ASSERT_OK_AND_ASSIGN(const v1::TrainingSpec b, ParseAndCompleteTraining(under, "t"));
  EXPECT_TRUE(MessageDifferencer::Equals(a, b));
}

// Specs that between them have every kind of field.
const char* const kSpecs[] = {
    kComparison,
    "{}",
    "study: \"a b: c # \\u00e9 \\x01 'x' \\\"y\\\"\"",
    "training: {}\nsearch: {sampler: {}}\nobjective: {}\nbudget: {trials: 9}",
    "space: {training.epochs: {integer: [1, 9], prior: 3, trust: 0.9},\n"
    "  training.network.hidden: {choice: [[8], [8, 8]], prior: [8]}}\n"
    "search:\n"
    "  sampler: {tpe: {model: univariate}}\n"
    "  first: [{training.epochs: 3, training.network.hidden: [8, 8]}, {}]\n"
    "  import_from: [{study: a}, {study: b, parameters: {training.epochs: training.seed}}]\n"
    "further_objectives: [{metric: 'layer/update_norm[2]', goal: maximize}]\n"
    "constraints: [{metric: seconds, at_most: 2.5}]",
    "training: {rule: {dtp: {feedback_activation: inverse_leaky_relu}}, trained_layers: [1, 2]}",
    "training: {forward: {lr: [1.0e-300, 0.1, 123456789.125], sgd: {momentum: 0.9}}, loss: mse}",
    "search: {sampler: grid, seed: 9007199254740991}",
    R"(space:
  training.normalize_lr: {boolean: {}}
  training.epochs: {integer: [1, 8], points: 3}
  'training.forward.lr[0]': {linear: [-0.5, 1.0e-7], points: 2}
  training.network.hidden: {choice: [[], [8], [8, 8]]}
  training.dataset.name: {choice: [mnist, '1', 'true', 'null', '', ' x ', 'a: b', "é"]}
  training.batch_size: {choice: [1, 2], when: {training.normalize_lr: true,
    training.network.hidden: [[8]], training.dataset.name: ['1', mnist]}}
  training.loss: {}
)",
};

TEST(Yaml, WhatIsWrittenReadsBackTheSame) {
  for (const char* text : kSpecs) {
    const v1::StudySpec spec = Study(text);
    const std::string written = ToYaml(spec).empty() ? "{}" : ToYaml(spec);
    const auto again = ParseStudySpec(written, "written");
    TP_ASSERT_OK(again) << written;
    EXPECT_TRUE(MessageDifferencer::Equals(*again, spec)) << written << "\n" << spec.DebugString();
  }
}

TEST(Yaml, ConfigurationsAreMapsByPath) {
  const v1::StudySpec spec = Study("search: {first: [{training.epochs: 3, training.rule: dtp}]}");
  ASSERT_EQ(spec.search().first_size(), 1);
  ASSERT_EQ(spec.search().first(0).values_size(), 2);
  EXPECT_EQ(spec.search().first(0).values(0).path(), "training.epochs");
  EXPECT_EQ(spec.search().first(0).values(0).value().number_value(), 3);
  EXPECT_EQ(spec.search().first(0).values(1).value().string_value(), "dtp");
  EXPECT_THAT(ToYaml(spec), testing::HasSubstr("first:\n    - training.epochs: 3\n"));
}

TEST(Yaml, ACompletedSpecReadsBackAndIsCompleteAlready) {
  TP_ASSERT_OK_AND_ASSIGN(const v1::StudySpec spec, ParseAndCompleteStudy(kComparison, "a"));
  TP_ASSERT_OK_AND_ASSIGN(const v1::StudySpec again, ParseAndCompleteStudy(ToYaml(spec), "b"));
  EXPECT_TRUE(MessageDifferencer::Equals(again, spec)) << ToYaml(spec);
}

TEST(Yaml, WritesAsPeopleDo) {
  EXPECT_EQ(ToYaml(Study(kComparison)), R"(study: fashion-mnist-first-look
training:
  dataset:
    name: fashion-mnist
    validation: 5000
  network:
    hidden: [256, 256, 256]
    activation: tanh
  batch_size: 128
  epochs: 3
space:
  training.rule:
    choice: [bp, dtp, ddtp_linear]
  training.forward.lr:
    log: [1e-5, 0.01]
  training.rule.dtp.sigma:
    log: [0.01, 0.3]
    when:
      training.rule: dtp
search:
  sampler:
    random:
      trials: 12
  replicates: 2
objective:
  metric: validation/error
  goal: minimize
)");
}

}  // namespace
}  // namespace tpsweep::spec
