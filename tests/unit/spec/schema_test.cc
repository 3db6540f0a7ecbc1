// The contract about itself: every field that a spec has is described, its rules
// make sense, and the reference in docs/ mentions it.
#include "common/spec/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "common/file.h"
#include "common/spec/describe.h"
#include "common/spec/rules.h"
#include "common/spec/values.h"
#include "google/protobuf/dynamic_message.h"
#include "re2/re2.h"
#include "tests/fakes/status_matchers.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using testing::HasSubstr;

std::vector<Description> AllFields() {
  const auto all = DescribeFields("");
  EXPECT_THAT(all, IsOk());
  return all.value_or(std::vector<Description>());
}

const Description* Find(const std::vector<Description>& all, const std::string& path) {
  for (const Description& one : all) {
    if (one.path == path) return &one;
  }
  return nullptr;
}

// Every field of `message` and of what it contains.
void Collect(const Descriptor& message, std::vector<const FieldDescriptor*>& fields) {
  if (message.full_name() == "google.protobuf.Value") return;
  for (int i = 0; i < message.field_count(); ++i) {
    fields.push_back(message.field(i));
    if (message.field(i)->message_type()) Collect(*message.field(i)->message_type(), fields);
  }
}

TEST(Schema, EveryFieldAndChoiceHasAComment) {
  const std::vector<Description> all = AllFields();
  EXPECT_GT(all.size(), 60u);
  for (const Description& one : all) EXPECT_NE(one.comment, "") << one.path;
}

TEST(Schema, EveryDefaultIsLegal) {
  std::vector<const FieldDescriptor*> fields;
  Collect(*v1::StudySpec::descriptor(), fields);
  for (const FieldDescriptor* field : fields) {
    const v1::FieldRules& rules = RulesOf(*field);
    EXPECT_FALSE(rules.has_min() && rules.has_max() && rules.min() > rules.max())
        << field->full_name();
    EXPECT_FALSE(rules.required() && !rules.default_value().empty()) << field->full_name();
    if (!rules.pattern().empty()) {
      EXPECT_TRUE(RE2(rules.pattern()).ok()) << field->full_name();
    }
    if (rules.default_value().empty()) continue;
    const std::unique_ptr<Message> message(
        MessageFactory::generated_factory()->GetPrototype(field->containing_type())->New());
    TP_EXPECT_OK(SetValue(*message, *field, ParseDefault(rules.default_value())))
        << field->full_name();
    Problems problems;
    CheckField(*message, *field, field->full_name(), problems);
    TP_EXPECT_OK(problems.ToStatus());
  }
}

// But for the generator: most data sets are read from files.
TEST(Schema, EveryChoiceHasADefaultOrMustBeMade) {
  std::vector<const FieldDescriptor*> fields;
  Collect(*v1::StudySpec::descriptor(), fields);
  for (const FieldDescriptor* field : fields) {
    const auto* oneof = field->real_containing_oneof();
    if (oneof == nullptr || oneof->name() == "generator") continue;
    const v1::FieldRules& rules = RulesOf(*oneof);
    EXPECT_TRUE(rules.required() || FindMember(*oneof, rules.default_value()))
        << oneof->full_name();
    EXPECT_NE(field->message_type(), nullptr) << field->full_name();
  }
}

TEST(Describe, SaysWhatTheContractSays) {
  const std::vector<Description> all = AllFields();
  const Description* sigma = Find(all, "training.rule.dtp.sigma");
  ASSERT_NE(sigma, nullptr);
  EXPECT_EQ(sigma->type, "number");
  EXPECT_EQ(sigma->legal, "(0, 10]");
  EXPECT_EQ(sigma->default_value, "0.1");
  EXPECT_EQ(sigma->symbol, "σ");
  EXPECT_THAT(sigma->comment, HasSubstr("Standard deviation of the noise"));
  const Description* rule = Find(all, "training.rule");
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->type,
            "one of bp, dtp, ddtp_linear, dtpdrl, ddtp_rhl, ddtp_control, gnt, dfa, tp, itp, gait, "
            "fa, pbp, ndi, di, sldi");
  EXPECT_EQ(rule->legal, "must be set");
  const Description* lr = Find(all, "training.forward.lr");
  ASSERT_NE(lr, nullptr);
  EXPECT_EQ(lr->type, "list of numbers");
  EXPECT_EQ(lr->legal, "[0, 1000]; 1 to 1000 elements");
  const Description* activation = Find(all, "training.network.activation");
  ASSERT_NE(activation, nullptr);
  EXPECT_THAT(activation->comment, HasSubstr("\nrelu: max(a, 0)"));
  EXPECT_NE(Find(all, "search.sampler.random.trials"), nullptr);
  EXPECT_NE(Find(all, "space.PATH.log"), nullptr);
  const Description* layer = Find(all, "training.network.layers[N]");
  ASSERT_NE(layer, nullptr);
  EXPECT_EQ(layer->type, "one of conv, dense");
  EXPECT_EQ(layer->comment, "One hidden layer.");
  const Description* kernel = Find(all, "training.network.layers[N].conv.kernel");
  ASSERT_NE(kernel, nullptr);
  EXPECT_EQ(kernel->default_value, "5");
}

TEST(Describe, OnePathAndAllBelow) {
  TP_ASSERT_OK_AND_ASSIGN(const auto dtp, DescribeFields("training.rule.dtp"));
  ASSERT_EQ(dtp.size(), 4u);
  EXPECT_EQ(dtp[0].path, "training.rule.dtp");
  EXPECT_THAT(dtp[0].comment, HasSubstr("Difference target propagation"));
  EXPECT_EQ(dtp[1].path, "training.rule.dtp.target_stepsize");
  TP_ASSERT_OK_AND_ASSIGN(const auto epochs, DescribeFields("training.epochs"));
  ASSERT_EQ(epochs.size(), 1u);
  EXPECT_EQ(epochs[0].unit, "epochs");
  TP_ASSERT_OK_AND_ASSIGN(const auto conv, DescribeFields("training.network.layers[2].conv"));
  ASSERT_EQ(conv.size(), 8u);
  EXPECT_EQ(conv[1].path, "training.network.layers[2].conv.channels");
  TP_ASSERT_OK_AND_ASSIGN(const auto sampler, DescribeFields("search.sampler"));
  EXPECT_EQ(sampler[0].type, "one of grid, random, sobol, tpe, gp, cma_es, nsga2");
  EXPECT_THAT(DescribeFields("training.epoch"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean 'epochs'?")));
}

TEST(Describe, RulesAndSamplers) {
  const std::vector<Description> rules = DescribeRules();
  ASSERT_EQ(rules.size(), 16u);
  EXPECT_EQ(rules[0].path, "bp");
  EXPECT_THAT(rules[0].comment, HasSubstr("Backpropagation"));
  const std::vector<Description> samplers = DescribeSamplers();
  ASSERT_EQ(samplers.size(), 7u);
  EXPECT_EQ(samplers[1].path, "random");
  EXPECT_THAT(samplers[1].comment, HasSubstr("Independent draws"));
}

TEST(Reference, DocsMentionEveryFieldWithItsDefault) {
  const char* root = std::getenv("TPSWEEP_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "run by ctest, which sets it";
  TP_ASSERT_OK_AND_ASSIGN(const std::string docs,
                          ReadFile(std::string(root) + "/docs/sweep_spec.md"));
  for (const Description& one : AllFields()) {
    const size_t at = docs.find("\n| `" + one.path + "` |") + 1;
    ASSERT_NE(at, 0u) << one.path << " is not in docs/sweep_spec.md";
    const std::string row = docs.substr(at, docs.find('\n', at) - at);
    if (!one.default_value.empty()) {
      EXPECT_THAT(row, HasSubstr(one.default_value)) << one.path;
    }
    if (!one.legal.empty()) {
      EXPECT_THAT(row, HasSubstr(one.legal)) << one.path;
    }
  }
}

}  // namespace
}  // namespace tpsweep::spec
