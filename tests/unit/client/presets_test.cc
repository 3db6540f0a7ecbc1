// The embedded presets and spaces: each is legal as it stands.
#include "client/presets.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/spec_file.h"
#include "common/spec/arms.h"
#include "common/spec/field_path.h"
#include "common/spec/resolve.h"
#include "common/spec/space.h"
#include "common/spec/validate.h"
#include "common/spec/values.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::StudySpec Preset(absl::string_view name, const std::string& space = "") {
  const auto spec = LoadStudy({.preset = std::string(name), .space = space});
  EXPECT_THAT(spec, IsOk()) << name;
  return spec.value_or(v1::StudySpec());
}

// As its only run trains it.
v1::TrainingSpec Training(absl::string_view name) {
  const auto training = spec::Configure(Preset(name), v1::Trial(), 0);
  EXPECT_THAT(training, IsOk()) << name;
  return training.value_or(v1::TrainingSpec());
}

std::string RuleOf(const v1::StudySpec& spec) {
  const v1::TrainingSpec& training = spec.training();
  const auto* oneof = training.GetDescriptor()->FindOneofByName("rule");
  return training.GetReflection()->GetOneofFieldDescriptor(training, oneof)->name();
}

TEST(Presets, AreLegalAndAreWhatTheirNamesSay) {
  EXPECT_EQ(presets::Presets().size(), 128u);
  for (const presets::File& file : presets::Presets()) {
    const v1::StudySpec spec = Preset(file.name);
    EXPECT_EQ(spec.study(), file.name);
    EXPECT_EQ(spec::ExpectedRuns(spec), 1) << file.name;
    EXPECT_THAT(Summary(file), testing::EndsWith(".")) << file.name;
    EXPECT_EQ(Summary(file).find('#'), std::string::npos) << file.name;
    const v1::TrainingSpec& training = spec.training();
    const bool is_frozen = absl::StrContains(file.name, "frozen");
    EXPECT_EQ(training.trained_layers_size(), is_frozen ? 1 : 0) << file.name;
    const bool is_train = absl::StrContains(file.name, "_train");
    const bool is_gait = absl::StartsWith(file.name, "gait_");
    EXPECT_EQ(spec.objective().metric() == "train/loss", is_train) << file.name;
    EXPECT_EQ(spec.objective().metric() == "train/error", is_gait) << file.name;
    EXPECT_EQ(training.dataset().validation() == 0, is_train || is_gait) << file.name;
    const bool is_conv = absl::StrContains(file.name, "Conv");
    const bool is_autoencoder = absl::StrContains(file.name, "autoencoder");
    EXPECT_EQ(training.network().layers_size(), is_conv ? 3 : is_autoencoder ? 5 : 0) << file.name;
    EXPECT_EQ(training.forward().lr_size(), is_conv ? 4 : 1) << file.name;
  }
}

TEST(Presets, TrainByTheRuleOfTheirName) {
  for (const auto& [part, rule] :
       {std::pair("BP", "bp"), std::pair("DFA", "dfa"), std::pair("DTP", "dtp"),
        std::pair("DTPDRL", "dtpdrl"), std::pair("DDTPlinear", "ddtp_linear"),
        std::pair("DDTPRHL_extrafb", "ddtp_rhl"), std::pair("DDTPControl", "ddtp_control")}) {
    for (const char* data : {"mnist_", "fashion_mnist_", "cifar10_"}) {
      EXPECT_EQ(RuleOf(Preset(absl::StrCat(data, part))), rule) << data << part;
    }
  }
  for (const auto& [part, rule] :
       {std::pair("BP", "bp"), std::pair("FA", "fa"), std::pair("PBP", "pbp")}) {
    for (const char* task : {"di_linear_", "di_nonlinear_", "di_mnist_", "di_autoencoder_"}) {
      EXPECT_EQ(RuleOf(Preset(absl::StrCat(task, part))), rule) << task << part;
    }
  }
  for (const auto& [part, rule] :
       {std::pair("NDI", "ndi"), std::pair("DI", "di"), std::pair("SLDI", "sldi")}) {
    for (const char* kind : {"_random", "_negT", "_optim"}) {
      EXPECT_EQ(RuleOf(Preset(absl::StrCat("di_nonlinear_", part, kind))), rule) << part << kind;
    }
  }
  EXPECT_EQ(RuleOf(Preset("cifar10_DDTPConv")), "ddtp_linear");
  EXPECT_EQ(RuleOf(Preset("cifar10_DDTPControlConv")), "ddtp_control");
  EXPECT_EQ(RuleOf(Preset("toy_output_space_GNT")), "gnt");
}

TEST(Presets, HoldTheNumbersOfThePaperExactly) {
  const v1::TrainingSpec linear = Training("fashion_mnist_DDTPlinear");
  EXPECT_THAT(linear.network().hidden(), ElementsAre(256, 256, 256, 256, 256));
  EXPECT_EQ(linear.ddtp_linear().target_stepsize(), 0.0172503975);
  EXPECT_EQ(linear.ddtp_linear().sigma(), 0.098572592);
  EXPECT_FALSE(linear.ddtp_linear().last_hidden_bias());
  EXPECT_THAT(linear.forward().lr(), ElementsAre(8.70356759e-06));
  EXPECT_TRUE(linear.normalize_lr());
  EXPECT_EQ(linear.forward().adam().beta1(), 0.99);
  EXPECT_THAT(linear.feedback().adam().epsilon(), ElementsAre(3.10816624e-08));
  EXPECT_EQ(linear.feedback().weight_decay(), 5.78268984e-06);
  EXPECT_EQ(linear.feedback_schedule().pretraining_epochs(), 6);
  EXPECT_EQ(linear.feedback_schedule().extra_epochs(), 1);
  EXPECT_EQ(linear.epochs(), 100);
  EXPECT_EQ(linear.precision(), v1::PRECISION_FLOAT64);

  const v1::TrainingSpec conv = Training("cifar10_DFAConv_train");
  EXPECT_THAT(conv.forward().lr(),
              ElementsAre(0.000261251891, 0.000570902704, 0.000671647951, 0.00079061864));
  EXPECT_TRUE(conv.dfa().last_hidden_bias());
  EXPECT_EQ(conv.epochs(), 300);

  const v1::TrainingSpec control = Training("cifar10_DDTPControl");
  EXPECT_EQ(control.ddtp_control().sigma(), 0.0783491879);
  EXPECT_EQ(Training("cifar10_BP").epochs(), 150);
  EXPECT_EQ(Training("cifar10_BP").precision(), v1::PRECISION_FLOAT32);
}

TEST(Presets, OfDynamicInversionHaveTheSettingsOfItsAuthors) {
  const v1::TrainingSpec linear = Training("di_linear_DI_optim");
  EXPECT_EQ(linear.dataset().linear_regression().inputs(), 30);
  EXPECT_THAT(linear.network().hidden(), ElementsAre(20));
  EXPECT_FALSE(linear.network().bias());
  EXPECT_EQ(linear.network().uniform_bound(), 0.01);
  EXPECT_EQ(linear.di().feedback().kind(), v1::FEEDBACK_KIND_OPTIMISED);
  EXPECT_EQ(linear.di().feedback().bound(), 0.01);
  EXPECT_EQ(linear.di().alpha(), 0.01);
  EXPECT_EQ(linear.di().dynamics().steps(), 999);
  EXPECT_EQ(linear.di().hidden_errors().max_norm(), 10);
  EXPECT_EQ(linear.batch_size(), 1);
  EXPECT_THAT(linear.forward().lr(), ElementsAre(0.01));
  EXPECT_TRUE(linear.forward().has_sgd());
  const v1::TrainingSpec nonlinear = Training("di_nonlinear_SLDI_negT");
  EXPECT_THAT(nonlinear.network().hidden(), ElementsAre(20, 10));
  EXPECT_EQ(nonlinear.sldi().alpha(), 0.001);
  EXPECT_EQ(nonlinear.sldi().hidden_errors().max_norm(), 1);
  EXPECT_EQ(nonlinear.dataset().nonlinear_regression().train(), 10000);
  const v1::TrainingSpec mnist = Training("di_mnist_NDI2");
  EXPECT_EQ(mnist.ndi().alpha(), 0);
  EXPECT_EQ(mnist.forward().weight_decay() * mnist.forward().lr(0), 1e-6);
  const v1::TrainingSpec autoencoder = Training("di_autoencoder_FA");
  EXPECT_EQ(autoencoder.dataset().targets(), v1::TARGETS_INPUTS);
  EXPECT_EQ(autoencoder.network().layers(2).dense().activation(), v1::ACTIVATION_LINEAR);
  EXPECT_EQ(autoencoder.fa().feedback().bound(), 0.01);
}

TEST(Presets, OfGaitHaveTheSettingsOfItsAuthors) {
  const struct {
    const char *rule, *name;
    double lr, orthogonality;
  } kRules[] = {{"bp", "BP", 1e-4, 0}, {"tp", "TP", 1e-5, 1000}, {"gait", "GAIT", 1e-4, 0.1}};
  for (const auto& rule : kRules) {
    for (const bool is_tower : {false, true}) {
      for (const bool is_linear : {false, true}) {
        const std::string name = absl::StrCat("gait_", rule.name, is_tower ? "_tower" : "_square",
                                              is_linear ? "_linear" : "");
        EXPECT_EQ(RuleOf(Preset(name)), rule.rule) << name;
        const v1::TrainingSpec training = Training(name);
        const v1::Network& network = training.network();
        EXPECT_TRUE(network.square()) << name;
        if (is_tower) {
          EXPECT_THAT(network.hidden(), ElementsAre(784, 500, 200)) << name;
        } else {
          EXPECT_THAT(network.hidden(), ElementsAre(784, 784, 784, 784)) << name;
        }
        EXPECT_EQ(network.output_units(), is_tower ? 0 : 784) << name;
        const auto activation = is_linear ? v1::ACTIVATION_LINEAR : v1::ACTIVATION_LEAKY_RELU;
        EXPECT_EQ(network.activation(), activation) << name;
        EXPECT_EQ(network.output_activation(), activation) << name;
        if (!is_linear) {
          EXPECT_EQ(network.leaky_slope(), 0.1) << name;
        }
        EXPECT_EQ(network.initialiser(), v1::INITIALISER_HAAR) << name;
        EXPECT_EQ(training.loss(), v1::LOSS_HALF_SQUARES) << name;
        EXPECT_EQ(training.soft_target(), 1) << name;
        EXPECT_THAT(training.forward().lr(), ElementsAre(rule.lr)) << name;
        EXPECT_EQ(training.forward().adam().beta2(), 0.99) << name;
        EXPECT_FALSE(training.forward().adam().bias_correction()) << name;
        EXPECT_EQ(training.orthogonality(), rule.orthogonality) << name;
        EXPECT_EQ(training.batch_size(), 60) << name;
        EXPECT_EQ(training.epochs(), 100) << name;
        EXPECT_FALSE(training.shuffle()) << name;
        EXPECT_EQ(training.precision(), v1::PRECISION_FLOAT64) << name;
      }
    }
  }
  EXPECT_EQ(Training("gait_GAIT_square").gait().carry(), v1::CARRY_GAMMA);
  EXPECT_EQ(Training("gait_GAIT_square").gait().gamma(), 1e-3);
  EXPECT_EQ(RuleOf(Preset("gait_ITP_square")), "itp");
  // As its comment recommends.
  TP_EXPECT_OK(
      LoadStudy({.preset = "gait_GAIT_square",
                 .settings = {"training.rule.gait.carry=difference", "training.precision=float32",
                              "training.dataset.name=fashion-mnist"}}));
}

TEST(Presets, AreFoundByNameOrByNearlyIt) {
  EXPECT_THAT(FindPreset("mnist_BP"), IsOk());
  EXPECT_THAT(FindPreset("fashion_mnist_DDTPlinar"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("'fashion_mnist_DDTPlinar' is not a preset; did you mean "
                                 "'fashion_mnist_DDTPlinear'? (all of them: tpsweep describe "
                                 "presets)")));
  EXPECT_THAT(FindSpace("xyz"), StatusIs(absl::StatusCode::kNotFound,
                                         "'xyz' is not a space (all of them: tpsweep describe "
                                         "spaces)"));
}

// A dense preset of each rule.
const std::map<std::string, std::string>& PresetOfRule() {
  static const auto* const presets =
      new std::map<std::string, std::string>{{"bp", "mnist_BP"},
                                             {"dfa", "mnist_DFA"},
                                             {"dtp", "mnist_DTP_pretrained"},
                                             {"dtpdrl", "mnist_DTPDRL"},
                                             {"ddtp_linear", "mnist_DDTPlinear"},
                                             {"ddtp_rhl", "mnist_DDTPRHL"},
                                             {"ddtp_control", "mnist_DDTPControl"},
                                             {"gnt", "toy_output_space_GNT"},
                                             {"tp", "gait_TP_square"},
                                             {"itp", "gait_ITP_square"},
                                             {"gait", "gait_GAIT_square"},
                                             {"fa", "di_linear_FA"},
                                             {"pbp", "di_linear_PBP"},
                                             {"ndi", "di_linear_NDI_random"},
                                             {"di", "di_linear_DI_random"},
                                             {"sldi", "di_nonlinear_SLDI_random"}};
  return *presets;
}

TEST(Spaces, AreThereForEveryRuleAndTakeThePlaceOfFixedValues) {
  EXPECT_EQ(presets::Spaces().size(), PresetOfRule().size());
  for (const presets::File& file : presets::Spaces()) {
    SpecSource source = {.preset = PresetOfRule().at(std::string(file.name)),
                         .space = std::string(file.name)};
    if (source.space == "gnt") source.settings = {"training.forward.algorithm=adam"};
    const auto spec = LoadStudy(source);
    TP_ASSERT_OK(spec) << file.name;
    EXPECT_EQ(spec::ExpectedRuns(*spec), 50) << file.name;
    EXPECT_GE(spec->space_size(), 3) << file.name;
    EXPECT_THAT(Summary(file), testing::EndsWith(".")) << file.name;
  }
}

bool Holds(const v1::Parameter& parameter, const google::protobuf::Value& value) {
  if (parameter.has_choice()) {
    const auto& values = parameter.choice().values();
    return std::any_of(values.begin(), values.end(), [&](const google::protobuf::Value& one) {
      return one.number_value() == value.number_value();
    });
  }
  const v1::Interval& interval = parameter.log();
  return interval.low() <= value.number_value() && value.number_value() <= interval.high();
}

// What a preset fixes, of a list the first element; 0 where there is no weight decay.
TEST(Spaces, HoldEveryDensePreset) {
  int num_checked = 0;
  for (const presets::File& file : presets::Presets()) {
    const v1::StudySpec preset = Preset(file.name);
    // Those of bp search Adam; the presets of dynamic inversion have SGD.
    const bool is_of_inversion = absl::StartsWith(file.name, "di_");
    if (preset.training().network().layers_size() > 0 || absl::StartsWith(file.name, "toy") ||
        (is_of_inversion && RuleOf(preset) == "bp")) {
      continue;
    }
    const v1::StudySpec searched = Preset(file.name, RuleOf(preset));
    for (const v1::Parameter& parameter : searched.space()) {
      const auto where = spec::ResolvePath(*v1::StudySpec::descriptor(), parameter.path());
      TP_ASSERT_OK(where);
      const auto* holder = spec::FindHolder(preset, *where);
      ASSERT_NE(holder, nullptr) << file.name << " " << parameter.path();
      const auto value =
          spec::GetElement(*holder, *where->field, where->field->is_repeated() ? 0 : -1);
      if (value.number_value() == 0) continue;
      EXPECT_TRUE(Holds(parameter, value))
          << file.name << " " << parameter.path() << " " << value.number_value();
      ++num_checked;
    }
  }
  EXPECT_GT(num_checked, 500);
}

TEST(Spaces, SearchNothingOfAnotherRule) {
  EXPECT_THAT(LoadStudy({.preset = "mnist_BP", .space = "dtp"}).status().message(),
              HasSubstr("exists only where training.rule is dtp, but it is bp"));
}

}  // namespace
}  // namespace tpsweep::client
