#include "client/setting.h"

#include <gmock/gmock.h>

#include <string>

#include "client/spec_file.h"
#include "common/spec/arms.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ApplySetting, SetsFieldsOfEveryKind) {
  v1::StudySpec spec;
  TP_EXPECT_OK(ApplySetting("training.epochs=5", spec));
  TP_EXPECT_OK(ApplySetting("training.rule=dtp", spec));
  TP_EXPECT_OK(ApplySetting("training.rule.dtp.sigma = 1e-2", spec));
  TP_EXPECT_OK(ApplySetting("training.network.hidden=[8, 9]", spec));
  TP_EXPECT_OK(ApplySetting("training.forward.lr=0.5", spec));
  TP_EXPECT_OK(ApplySetting("training.normalize_lr=true", spec));
  TP_EXPECT_OK(ApplySetting("training.measure.quantities=[bp_angle, norms]", spec));
  TP_EXPECT_OK(ApplySetting("training.dataset.name=0815", spec));
  TP_EXPECT_OK(ApplySetting("search.sampler=random", spec));
  EXPECT_EQ(spec.training().epochs(), 5);
  EXPECT_EQ(spec.training().dtp().sigma(), 0.01);
  EXPECT_THAT(spec.training().network().hidden(), ElementsAre(8, 9));
  EXPECT_THAT(spec.training().forward().lr(), ElementsAre(0.5));
  EXPECT_TRUE(spec.training().normalize_lr());
  EXPECT_THAT(spec.training().measure().quantities(),
              ElementsAre(v1::QUANTITY_BP_ANGLE, v1::QUANTITY_NORMS));
  EXPECT_EQ(spec.training().dataset().name(), "0815");
  EXPECT_TRUE(spec.search().sampler().has_random());
}

TEST(ApplySetting, NamesTheFieldAndWhatIsLegal) {
  for (const auto& [setting, message] : {
           std::pair("training.epochs", "--set 'training.epochs': write FIELD=VALUE, as in "),
           std::pair("training.epoch=3",
                     "--set training.epoch: no such field; did you mean 'epochs'?"),
           std::pair(
               "training.epochs=many",
               "--set training.epochs: 'many' is text; legal: a whole number in [0, 1000000]"),
           std::pair("training.epochs=-1", "--set training.epochs: -1 is not in [0, 1000000]"),
           std::pair("training.epochs=", "--set training.epochs: '' is no value; legal: a number"),
           std::pair("training.epochs={a: 1}", "--set training.epochs: '{a: 1}' is no value"),
           std::pair("training.epochs=[1", "--set training.epochs: '[1' is no value"),
           std::pair("training.network.hidden=[8, 0]",
                     "--set training.network.hidden[1]: 0 is not in [1, 1000000]"),
           std::pair("training.rule=dpt",
                     "--set training.rule: 'dpt' is unknown; did you mean 'dtp'?"),
           std::pair("training.rule.dtp.sigma=0.1",
                     "--set training.rule.dtp.sigma: cannot be set: the rule is bp, not dtp"),
           std::pair("training.measure.quantities=[bp_angel]",
                     "'bp_angel' is unknown; did you mean "),
           std::pair("training.dataset=mnist",
                     "--set training.dataset: 'mnist' cannot stand for a whole group of fields"),
           std::pair("study=a/b", "--set study: 'a/b' does not match"),
           std::pair("=3", "--set '': not the path of a field"),
       }) {
    v1::StudySpec spec;
    spec.mutable_training()->mutable_bp();
    EXPECT_THAT(ApplySetting(setting, spec),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << setting;
  }
}

TEST(LoadStudy, ChangesAPreset) {
  TP_ASSERT_OK_AND_ASSIGN(
      const v1::StudySpec spec,
      LoadStudy({.preset = "mnist_DDTPlinear",
                 .settings = {"training.epochs=5", "training.epochs=6", "search.seed=9"},
                 .replicates = 3,
                 .name = "mine"}));
  EXPECT_EQ(spec.study(), "mine");
  EXPECT_EQ(spec.training().epochs(), 6);
  EXPECT_EQ(spec.search().seed(), 9u);
  EXPECT_EQ(spec::ExpectedRuns(spec), 3);
  EXPECT_EQ(spec.training().ddtp_linear().sigma(), 0.0907524825);
}

TEST(LoadStudy, TellsOfASettingThatDoesNotGoWithTheRest) {
  EXPECT_THAT(LoadStudy({.preset = "mnist_BP", .settings = {"training.trained_layers=[7]"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("training.trained_layers[0]: 7 is not in [1, 6]")));
  EXPECT_THAT(
      LoadStudy({.preset = "mnist_BP", .space = "bp", .settings = {"training.forward.lr=0.1"}}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("space.training.forward.lr: is fixed as well as searched")));
}

TEST(LoadStudy, ASettingMayCutASearchShort) {
  TP_ASSERT_OK_AND_ASSIGN(const v1::StudySpec spec,
                          LoadStudy({.preset = "mnist_BP",
                                     .space = "bp",
                                     .settings = {"search.sampler.random.trials=7"},
                                     .replicates = 2}));
  EXPECT_EQ(spec::ExpectedRuns(spec), 14);
}

}  // namespace
}  // namespace tpsweep::client
