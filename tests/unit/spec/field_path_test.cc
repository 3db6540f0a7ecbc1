#include "common/spec/field_path.h"

#include <gtest/gtest.h>

#include "common/spec/text.h"
#include "tests/fakes/status_matchers.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Value;
using testing::HasSubstr;

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

Value List(std::initializer_list<double> numbers) {
  Value value;
  value.mutable_list_value();
  for (const double number : numbers) *value.mutable_list_value()->add_values() = Number(number);
  return value;
}

TEST(SetField, SetsFieldsOfEveryType) {
  v1::StudySpec spec;
  Value yes;
  yes.set_bool_value(true);
  TP_EXPECT_OK(SetField(spec, "training.epochs", Number(7)));
  TP_EXPECT_OK(SetField(spec, "training.dataset.validation", Number(1e9)));
  TP_EXPECT_OK(SetField(spec, "search.seed", Number(0x1p53)));
  TP_EXPECT_OK(SetField(spec, "training.soft_target", Number(0.5)));
  TP_EXPECT_OK(SetField(spec, "training.normalize_lr", yes));
  TP_EXPECT_OK(SetField(spec, "training.dataset.name", Text("mnist")));
  TP_EXPECT_OK(SetField(spec, "training.network.activation", Text("leaky_relu")));
  TP_EXPECT_OK(SetField(spec, "training.network.hidden", List({3, 4})));
  TP_EXPECT_OK(SetField(spec, "training.forward.lr", Number(0.1)));
  EXPECT_EQ(spec.training().epochs(), 7);
  EXPECT_EQ(spec.training().dataset().validation(), 1000000000);
  EXPECT_EQ(spec.search().seed(), uint64_t{1} << 53);
  EXPECT_EQ(spec.training().soft_target(), 0.5);
  EXPECT_TRUE(spec.training().normalize_lr());
  EXPECT_EQ(spec.training().dataset().name(), "mnist");
  EXPECT_EQ(spec.training().network().activation(), v1::ACTIVATION_LEAKY_RELU);
  EXPECT_THAT(spec.training().network().hidden(), testing::ElementsAre(3, 4));
  EXPECT_THAT(spec.training().forward().lr(), testing::ElementsAre(0.1));
}

TEST(SetField, ElementsOfAListGrowItWithoutGaps) {
  v1::StudySpec spec;
  TP_EXPECT_OK(SetField(spec, "training.forward.lr[0]", Number(0.1)));
  TP_EXPECT_OK(SetField(spec, "training.forward.lr[1]", Number(0.2)));
  TP_EXPECT_OK(SetField(spec, "training.forward.lr[0]", Number(0.3)));
  EXPECT_THAT(spec.training().forward().lr(), testing::ElementsAre(0.3, 0.2));
  EXPECT_THAT(SetField(spec, "training.forward.lr[3]", Number(0.1)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "training.forward.lr[3]: the list has 2 elements, counted from 0; [3] would "
                       "leave a gap"));
}

TEST(SetField, AOneofIsSetByNameAndKeepsTheFieldsOfItsMember) {
  v1::StudySpec spec;
  TP_EXPECT_OK(SetField(spec, "training.rule", Text("dtp")));
  TP_EXPECT_OK(SetField(spec, "training.rule.dtp.sigma", Number(0.2)));
  TP_EXPECT_OK(SetField(spec, "training.rule", Text("dtp")));
  EXPECT_EQ(spec.training().dtp().sigma(), 0.2);
  EXPECT_THAT(
      SetField(spec, "training.rule.ddtp_linear.sigma", Number(0.2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the rule is dtp, not ddtp_linear")));
  TP_EXPECT_OK(SetField(spec, "training.rule", Text("bp")));
  EXPECT_TRUE(spec.training().has_bp());
  TP_EXPECT_OK(SetField(spec, "search.sampler", Text("grid")));
  EXPECT_TRUE(spec.search().sampler().has_grid());
}

TEST(SetField, AMemberOfAOneofIsChosenByItsFields) {
  v1::StudySpec spec;
  TP_EXPECT_OK(SetField(spec, "training.forward.algorithm.sgd.momentum", Number(0.5)));
  EXPECT_EQ(spec.training().forward().sgd().momentum(), 0.5);
  TP_EXPECT_OK(SetField(spec, "search.sampler.random.trials", Number(5)));
  EXPECT_EQ(spec.search().sampler().random().trials(), 5);
}

TEST(SetField, SaysWhereAPathBreaks) {
  v1::StudySpec spec;
  for (const auto& [path, message] : {
           std::pair("trainin.epochs",
                     "trainin: no such field; did you mean 'training'? legal: study,"),
           std::pair("training.epoch", "training.epoch: no such field; did you mean 'epochs'?"),
           std::pair("training.rule.dpt.sigma",
                     "training.rule.dpt: no such choice; did you mean 'dtp'?"),
           std::pair("training.dtp.sigma", "training.dtp: no such field; did you mean 'rule.dtp'?"),
           std::pair("training.rule.dtp.sigmaa",
                     "did you mean 'sigma'? legal: target_stepsize, sigma,"),
           std::pair("", "'': not the path of a field"),
           std::pair(".", "no such field"),
           std::pair("training..epochs", "training.: no such field"),
           std::pair("training.forward.lr[-1]", "an element of a list is written lr[0]"),
           std::pair("training.forward.lr[00]", "an element of a list is written lr[0]"),
           std::pair("training.forward.lr[0", "an element of a list is written lr[0]"),
           std::pair("training.forward.lr[99999999999]", "an element of a list is written lr[0]"),
           std::pair("space.path", "space: has no fields of its own"),
       }) {
    EXPECT_THAT(SetField(spec, path, Number(1)),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr(message)))
        << path;
  }
  EXPECT_EQ(spec.ByteSizeLong(), 0u);
}

TEST(HasField, KnowsWhatIsSet) {
  v1::StudySpec spec;
  EXPECT_THAT(HasField(spec, "training.epochs"), IsOkAndHolds(false));
  EXPECT_FALSE(spec.has_training());
  spec.mutable_training()->set_epochs(0);
  spec.mutable_training()->mutable_forward()->add_lr(0);
  spec.mutable_training()->mutable_bp();
  EXPECT_THAT(HasField(spec, "training.epochs"), IsOkAndHolds(true));
  EXPECT_THAT(HasField(spec, "training.loss"), IsOkAndHolds(false));
  EXPECT_THAT(HasField(spec, "training.forward.lr"), IsOkAndHolds(true));
  EXPECT_THAT(HasField(spec, "training.forward.lr[0]"), IsOkAndHolds(true));
  EXPECT_THAT(HasField(spec, "training.forward.lr[1]"), IsOkAndHolds(false));
  EXPECT_THAT(HasField(spec, "training.rule"), IsOkAndHolds(true));
  EXPECT_THAT(HasField(spec, "training.rule.dtp.sigma"), IsOkAndHolds(false));
  EXPECT_THAT(HasField(spec, "training.nothing"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ToText, WritesAsASweepFileDoes) {
  EXPECT_EQ(ToText(Number(0.001)), "0.001");
  EXPECT_EQ(ToText(Number(1e-5)), "1e-5");
  EXPECT_EQ(ToText(Number(256)), "256");
  EXPECT_EQ(ToText(Number(1e300)), "1e300");
  EXPECT_EQ(ToText(Number(0.1 + 0.2)), "0.30000000000000004");
  EXPECT_EQ(ToText(Text("tanh")), "tanh");
  EXPECT_EQ(ToText(Text("1")), "\"1\"");
  EXPECT_EQ(ToText(Text("a\n\"b\"")), "\"a\\x0a\\\"b\\\"\"");
  EXPECT_EQ(ToText(List({256, 0.5})), "[256, 0.5]");
}

TEST(Nearest, ForgivesSlips) {
  const std::vector<std::string> names = {"epochs", "batch_size", "lr"};
  EXPECT_EQ(Nearest("epoch", names), "epochs");
  EXPECT_EQ(Nearest("eopchs", names), "epochs");
  EXPECT_EQ(Nearest("Batch_Size", names), "batch_size");
  EXPECT_EQ(Nearest("dropout", names), "");
}

}  // namespace
}  // namespace tpsweep::spec
