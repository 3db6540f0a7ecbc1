// What every sampler must do, run over the table of samplers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/spec/field_path.h"
#include "server/search/sampler.h"
#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

using google::protobuf::Value;

// The space of a comparison of rules: conditions on conditions, one declared
// before what it names, every kind of domain.
SpaceBuilder MixedSpace() {
  return SpaceBuilder()
      .Linear("training.rule.dtp.sigma", 0.01, 0.3, 3)
      .When("training.rule", {Text("dtp")})
      .Choice("training.rule", {Text("bp"), Text("dtp"), Text("ddtp_linear")})
      .Log("training.forward.lr", 1e-5, 1e-2, 4)
      .Integer("training.batch_size", 16, 18)
      .Boolean("training.normalize_lr")
      .When("training.rule", {Text("dtp"), Text("ddtp_linear")})
      .Integer("training.feedback_schedule.extra_epochs", 0, 3, 2)
      .When("training.normalize_lr", {Bool(true)})
      .When("training.batch_size", {Number(16), Number(18)});
}

std::string ToText(const std::optional<Configuration>& configuration) {
  if (!configuration) return "none";
  std::string text;
  for (const v1::Assignment& assignment : *configuration) {
    absl::StrAppend(&text, assignment.path(), "=", spec::ToText(assignment.value()), " ");
  }
  return text;
}

bool IsInDomain(const v1::Parameter& parameter, const Value& value) {
  const double number = value.number_value();
  const auto is_within = [&](const v1::Interval& interval) {
    return value.has_number_value() && number >= interval.low() && number <= interval.high();
  };
  switch (parameter.domain_case()) {
    case v1::Parameter::kLinear:
      return is_within(parameter.linear());
    case v1::Parameter::kLog:
      return is_within(parameter.log());
    case v1::Parameter::kInteger:
      return is_within(parameter.integer()) && std::trunc(number) == number;
    case v1::Parameter::kChoice:
      return std::any_of(parameter.choice().values().begin(), parameter.choice().values().end(),
                         [&](const Value& choice) {
                           return choice.SerializeAsString() == value.SerializeAsString();
                         });
    case v1::Parameter::kBoolean:
      return value.has_bool_value();
    case v1::Parameter::DOMAIN_NOT_SET:
      return false;
  }
  return false;
}

class SamplerConformance : public testing::TestWithParam<SamplerEntry> {
 protected:
  std::unique_ptr<Sampler> Make(const SpaceBuilder& space, int64_t trials) const {
    return MakeSampler(space.With(GetParam().kind, trials));
  }

  // Every configuration that it will propose.
  static std::vector<std::optional<Configuration>> ProposeAll(const Sampler& sampler) {
    std::vector<std::optional<Configuration>> all;
    for (int64_t n = 0; n < sampler.TrialCount(); ++n) all.push_back(sampler.Propose(n, {}));
    return all;
  }
};

INSTANTIATE_TEST_SUITE_P(
    AllSamplers, SamplerConformance, testing::ValuesIn(Samplers().begin(), Samplers().end()),
    [](const testing::TestParamInfo<SamplerEntry>& row) {
      return v1::Sampler::descriptor()->FindFieldByNumber(static_cast<int>(row.param.kind))->name();
    });

TEST(Samplers, EveryMemberOfTheMessageHasARow) {
  std::set<int> rows;
  for (const SamplerEntry& entry : Samplers()) rows.insert(static_cast<int>(entry.kind));
  const auto* oneof = v1::Sampler::descriptor()->oneof_decl(0);
  for (int i = 0; i < oneof->field_count(); ++i) {
    EXPECT_TRUE(rows.contains(oneof->field(i)->number())) << oneof->field(i)->name();
  }
}

TEST_P(SamplerConformance, ConfigurationsAreLegal) {
  const v1::StudySpec spec = MixedSpace().With(GetParam().kind, 300);
  const std::unique_ptr<Sampler> sampler = MakeSampler(spec);
  ASSERT_GT(sampler->TrialCount(), 100);
  for (const auto& configuration : ProposeAll(*sampler)) {
    ASSERT_TRUE(configuration.has_value());
    SCOPED_TRACE(ToText(configuration));
    std::map<std::string, Value> values;
    for (const v1::Assignment& assignment : *configuration) {
      ASSERT_TRUE(values.emplace(assignment.path(), assignment.value()).second);
    }
    size_t next = 0;  // assignments are in the order of the space
    for (const v1::Parameter& parameter : spec.space()) {
      bool exists = true;
      for (const v1::Condition& condition : parameter.when()) {
        const auto named = values.find(condition.path());
        exists &=
            named != values.end() &&
            std::any_of(condition.values().begin(), condition.values().end(),
                        [&](const Value& value) {
                          return value.SerializeAsString() == named->second.SerializeAsString();
                        });
      }
      ASSERT_EQ(values.contains(parameter.path()), exists) << parameter.path();
      if (!exists) continue;
      EXPECT_TRUE(IsInDomain(parameter, values.at(parameter.path()))) << parameter.path();
      ASSERT_LT(next, configuration->size());
      EXPECT_EQ((*configuration)[next++].path(), parameter.path());
    }
    EXPECT_EQ(next, configuration->size());
  }
}

TEST_P(SamplerConformance, AnswersDoNotDependOnTheOrderOfAsking) {
  const std::unique_ptr<Sampler> forwards = Make(MixedSpace(), 200);
  const std::unique_ptr<Sampler> backwards = Make(MixedSpace(), 200);
  const auto expected = ProposeAll(*forwards);
  std::vector<v1::Trial> history(5);
  for (int64_t n = forwards->TrialCount() - 1; n >= 0; --n) {
    ASSERT_EQ(ToText(backwards->Propose(n, history)), ToText(expected[static_cast<size_t>(n)]));
  }
}

TEST_P(SamplerConformance, TrialCountIsWhereProposalsEnd) {
  for (const SpaceBuilder& space :
       {MixedSpace(), MixedSpace().Budget(7), MixedSpace().Budget(1'000'000)}) {
    const std::unique_ptr<Sampler> sampler = Make(space, 50);
    const int64_t count = sampler->TrialCount();
    ASSERT_GT(count, 0);
    EXPECT_TRUE(sampler->Propose(count - 1, {}).has_value());
    EXPECT_FALSE(sampler->Propose(count, {}).has_value());
    EXPECT_FALSE(sampler->Propose(count + 1'000'000'000'000, {}).has_value());
    EXPECT_FALSE(sampler->Propose(-1, {}).has_value());
  }
  EXPECT_EQ(Make(MixedSpace().Budget(7), 50)->TrialCount(), 7);
}

TEST_P(SamplerConformance, NoValueIsStarved) {
  const v1::StudySpec spec = MixedSpace().With(GetParam().kind, 300);
  std::map<std::string, std::set<std::string>> seen;
  for (const auto& configuration : ProposeAll(*MakeSampler(spec))) {
    for (const v1::Assignment& assignment : *configuration) {
      seen[assignment.path()].insert(spec::ToText(assignment.value()));
    }
  }
  EXPECT_EQ(seen["training.rule"].size(), 3);
  EXPECT_EQ(seen["training.batch_size"].size(), 3);
  EXPECT_EQ(seen["training.normalize_lr"].size(), 2);
  EXPECT_GE(seen["training.rule.dtp.sigma"].size(), 3);
  EXPECT_GE(seen["training.forward.lr"].size(), 4);
  EXPECT_GE(seen["training.feedback_schedule.extra_epochs"].size(), 2);
}

TEST_P(SamplerConformance, TheSpecMayGoAway) {
  auto spec = std::make_unique<v1::StudySpec>(MixedSpace().With(GetParam().kind, 20));
  const std::unique_ptr<Sampler> sampler = MakeSampler(*spec);
  const std::string expected = ToText(sampler->Propose(3, {}));
  spec->Clear();
  spec.reset();
  EXPECT_EQ(ToText(sampler->Propose(3, {})), expected);
}

}  // namespace
}  // namespace tpsweep::server
