// What every sampler must do, run over the table of samplers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/spec/field_path.h"
#include "server/search/sampler.h"
#include "server/search/search.h"
#include "tests/fakes/search_run.h"
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

std::string NameOf(const testing::TestParamInfo<SamplerEntry>& row) {
  return v1::Sampler::descriptor()->FindFieldByNumber(static_cast<int>(row.param.kind))->name();
}

class SamplerConformance : public testing::TestWithParam<SamplerEntry> {};
INSTANTIATE_TEST_SUITE_P(AllSamplers, SamplerConformance,
                         testing::ValuesIn(Samplers().begin(), Samplers().end()), NameOf);

// A grid counts its points off: it draws nothing, and has no point twice.
std::vector<SamplerEntry> SamplersThatDraw() {
  std::vector<SamplerEntry> entries(Samplers().begin(), Samplers().end());
  std::erase_if(entries,
                [](const SamplerEntry& entry) { return entry.kind == v1::Sampler::kGrid; });
  return entries;
}

class DrawingSamplerConformance : public testing::TestWithParam<SamplerEntry> {};
INSTANTIATE_TEST_SUITE_P(SamplersThatDraw, DrawingSamplerConformance,
                         testing::ValuesIn(SamplersThatDraw()), NameOf);

TEST(Samplers, EveryMemberOfTheMessageHasARow) {
  std::set<int> rows;
  for (const SamplerEntry& entry : Samplers()) rows.insert(static_cast<int>(entry.kind));
  const auto* oneof = v1::Sampler::descriptor()->oneof_decl(0);
  for (int i = 0; i < oneof->field_count(); ++i) {
    EXPECT_TRUE(rows.contains(oneof->field(i)->number())) << oneof->field(i)->name();
  }
}

TEST_P(SamplerConformance, ConfigurationsAreLegal) {
  const v1::StudySpec spec = MixedSpace().With(GetParam().kind, 120);
  Search search(spec);
  const std::vector<v1::Trial> trials = RunToEnd(search, EndAsUsual, 3);
  ASSERT_GT(trials.size(), 100);
  for (const v1::Trial& trial : trials) {
    SCOPED_TRACE(trial.ShortDebugString());
    std::map<std::string, Value> values;
    for (const v1::Assignment& assignment : trial.parameters()) {
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
      ASSERT_LT(next, static_cast<size_t>(trial.parameters_size()));
      EXPECT_EQ(trial.parameters(static_cast<int>(next++)).path(), parameter.path());
    }
    EXPECT_EQ(next, static_cast<size_t>(trial.parameters_size()));
  }
}

TEST_P(SamplerConformance, NoTwoTrialsAreEqual) {
  Search mixed(MixedSpace().With(GetParam().kind, 120));
  const std::vector<std::string> texts = Texts(RunToEnd(mixed));
  EXPECT_EQ(std::set(texts.begin(), texts.end()).size(), texts.size());
}

// 3 x 2 + 3 configurations, however many trials are asked for.
SpaceBuilder FiniteSpace() {
  return SpaceBuilder()
      .Integer("training.batch_size", 1, 3)
      .Choice("training.rule", {Text("bp"), Text("dtp")})
      .Boolean("training.normalize_lr")
      .When("training.rule", {Text("dtp")});
}

TEST_P(SamplerConformance, AFiniteSpaceIsTriedInFullAndThenExhausted) {
  const v1::StudySpec spec = FiniteSpace().With(GetParam().kind, 1000);
  Search search(spec);
  EXPECT_EQ(search.TrialCount(), 9);
  const std::vector<std::string> texts = Texts(RunToEnd(search));
  EXPECT_EQ(texts.size(), 9);
  EXPECT_EQ(std::set(texts.begin(), texts.end()).size(), 9);
  EXPECT_FALSE(search.Propose().has_value());
}

TEST_P(DrawingSamplerConformance, TrialsMayBeRepeatedWhereThatIsAskedFor) {
  Search search(FiniteSpace().Repeats().With(GetParam().kind, 30));
  EXPECT_EQ(RunToEnd(search).size(), 30);
}

TEST_P(SamplerConformance, AskedAgainItSaysTheSame) {
  Search search(MixedSpace().With(GetParam().kind, 60));
  Search other(MixedSpace().With(GetParam().kind, 60));
  for (int64_t n = 0; n < 50; ++n) {
    const auto next = search.Propose();
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(ToText(search.Propose()->configuration), ToText(next->configuration));
    ASSERT_EQ(ToText(other.Propose()->configuration), ToText(next->configuration));
    v1::Trial trial = MakeTrial(n, *next);
    for (Search* each : {&search, &other}) each->Add(trial);
    EndAsUsual(trial);
    for (Search* each : {&search, &other}) each->Tell(trial.number(), trial);
  }
}

std::vector<std::string> TextsOfSeed(v1::Sampler::SamplerCase kind, uint64_t seed) {
  Search search(MixedSpace().Seed(seed).With(kind, 40));
  return Texts(RunToEnd(search));
}

TEST_P(SamplerConformance, TheSameSeedGivesTheSameTrials) {
  EXPECT_EQ(TextsOfSeed(GetParam().kind, 1), TextsOfSeed(GetParam().kind, 1));
}

TEST_P(DrawingSamplerConformance, AnotherSeedGivesOtherTrials) {
  EXPECT_NE(TextsOfSeed(GetParam().kind, 1), TextsOfSeed(GetParam().kind, 2));
}

// Several trials run; the same ones have ended with the same results, in another order.
TEST_P(SamplerConformance, TheOrderInWhichResultsArriveDoesNotMatter) {
  const v1::StudySpec spec = MixedSpace().With(GetParam().kind, 60);
  Search forwards(spec);
  Search backwards(spec);
  for (int64_t n = 0; n < 40; n += 4) {
    std::vector<v1::Trial> batch;
    for (int64_t i = 0; i < 4; ++i) {
      const auto next = forwards.Propose();
      ASSERT_TRUE(next.has_value());
      ASSERT_EQ(ToText(backwards.Propose()->configuration), ToText(next->configuration));
      batch.push_back(MakeTrial(n + i, *next));
      forwards.Add(batch.back());
      backwards.Add(batch.back());
    }
    for (v1::Trial& trial : batch) EndAsUsual(trial);
    for (auto trial = batch.begin(); trial != batch.end(); ++trial)
      forwards.Tell(trial->number(), *trial);
    for (auto trial = batch.rbegin(); trial != batch.rend(); ++trial)
      backwards.Tell(trial->number(), *trial);
  }
}

// A server that starts again is told all trials with their ends at once.
TEST_P(SamplerConformance, ToldAllAtOnceItGoesOnAlike) {
  const v1::StudySpec spec = MixedSpace().With(GetParam().kind, 60);
  Search live(spec);
  std::vector<v1::Trial> trials;
  for (int64_t n = 0; n < 45; ++n) {
    trials.push_back(MakeTrial(n, *live.Propose()));
    live.Add(trials.back());
    if (n < 2) continue;
    v1::Trial& ended = trials[static_cast<size_t>(n - 2)];  // two are always running
    EndAsUsual(ended);
    live.Tell(ended.number(), ended);
  }
  Search restored(spec);
  for (const v1::Trial& trial : trials) {
    restored.Add(trial);
    if (trial.state() != v1::TRIAL_STATE_ACTIVE) restored.Tell(trial.number(), trial);
  }
  EXPECT_EQ(ToText(restored.Propose()->configuration), ToText(live.Propose()->configuration));
}

TEST_P(SamplerConformance, ItGoesOnWhileNothingEnds) {
  Search search(MixedSpace().With(GetParam().kind, 60));
  const std::vector<std::string> texts = Texts(RunToEnd(search, EndAsUsual, 1000));
  EXPECT_GE(texts.size(), 60);
  EXPECT_EQ(std::set(texts.begin(), texts.end()).size(), texts.size());
}

TEST_P(SamplerConformance, ItGoesOnWhenEveryTrialIsBadOrCancelled) {
  for (const v1::TrialState state : {v1::TRIAL_STATE_INFEASIBLE, v1::TRIAL_STATE_FAILED,
                                     v1::TRIAL_STATE_CANCELLED, v1::TRIAL_STATE_SUCCEEDED}) {
    Search search(MixedSpace().With(GetParam().kind, 40));
    const auto end = [state](v1::Trial& trial) { trial.set_state(state); };
    EXPECT_GE(RunToEnd(search, end).size(), 40);
  }
}

TEST_P(SamplerConformance, TrialCountIsWhereProposalsEnd) {
  for (const SpaceBuilder& space :
       {MixedSpace(), MixedSpace().Budget(7), MixedSpace().Budget(1'000'000)}) {
    Search search(space.With(GetParam().kind, 50));
    const int64_t count = search.TrialCount();
    ASSERT_GT(count, 0);
    EXPECT_EQ(static_cast<int64_t>(RunToEnd(search).size()), count);
  }
  EXPECT_EQ(Search(MixedSpace().Budget(7).With(GetParam().kind, 50)).TrialCount(), 7);
}

TEST_P(DrawingSamplerConformance, ListedConfigurationsComeFirst) {
  Search search(MixedSpace()
                    .First({{"training.rule", Text("dtp")},
                            {"training.rule.dtp.sigma", Number(0.05)},
                            {"training.forward.lr", Number(0.001)},
                            {"training.batch_size", Number(17)},
                            {"training.normalize_lr", Bool(false)}})
                    .First({{"training.forward.lr", Number(0.002)}})
                    .With(GetParam().kind, 20));
  const std::vector<v1::Trial> trials = RunToEnd(search);
  ASSERT_EQ(trials.size(), 20);
  EXPECT_EQ(Texts(trials)[0],
            "training.rule.dtp.sigma=0.05 training.rule=dtp training.forward.lr=0.001 "
            "training.batch_size=17 training.normalize_lr=false ");
  EXPECT_EQ(NumberOf(trials[1], "training.forward.lr"), 0.002);
  EXPECT_GE(trials[1].parameters_size(), 3);  // the rest is drawn
  EXPECT_EQ(trials[0].source(), "first");
  EXPECT_EQ(trials[1].source(), "first");
  EXPECT_NE(trials[2].source(), "first");
}

// Before anything is known every value is as likely as every other.
TEST_P(DrawingSamplerConformance, FirstDrawsAreUniformOnTheScaleOfTheParameter) {
  std::map<double, int> integers;
  int below_geometric_mean = 0;
  int first_choice = 0;
  constexpr int kSeeds = 600;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Search search(SpaceBuilder()
                      .Seed(seed)
                      .Log("training.forward.lr", 1e-5, 1e-1)
                      .Integer("training.batch_size", 1, 4)
                      .Choice("training.rule", {Text("bp"), Text("dtp"), Text("dfa")})
                      .With(GetParam().kind, 10));
    const v1::Trial trial = MakeTrial(0, *search.Propose());
    below_geometric_mean += NumberOf(trial, "training.forward.lr") < 1e-3;
    ++integers[NumberOf(trial, "training.batch_size")];
    first_choice += trial.parameters(2).value().string_value() == "bp";
  }
  // CMA-ES starts in the middle of the space: symmetric, but not uniform.
  EXPECT_NEAR(below_geometric_mean, kSeeds / 2, 60);
  EXPECT_NEAR(first_choice, kSeeds / 3, 60);
  ASSERT_EQ(integers.size(), 4);
  EXPECT_NEAR(integers[1], integers[4], 50);
  EXPECT_NEAR(integers[2], integers[3], 60);
  if (GetParam().kind != v1::Sampler::kCmaEs) {
    EXPECT_NEAR(integers[1], kSeeds / 4, 50);
  }
}

TEST_P(DrawingSamplerConformance, APriorDrawsTheFirstTrialsTowardsIt) {
  int near = 0;
  int is_prior = 0;
  constexpr int kSeeds = 300;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Search search(SpaceBuilder()
                      .Seed(seed)
                      .Log("training.forward.lr", 1e-5, 1e-1)
                      .Prior(Number(1e-4), 0.8)
                      .Choice("training.rule", {Text("bp"), Text("dtp"), Text("dfa")})
                      .Prior(Text("dfa"), 0.8)
                      .With(GetParam().kind, 10));
    const v1::Trial trial = MakeTrial(0, *search.Propose());
    const double lr = NumberOf(trial, "training.forward.lr");
    near += lr > 1e-5 && lr < 1e-3;  // two standard deviations and more
    is_prior += trial.parameters(1).value().string_value() == "dfa";
  }
  EXPECT_GT(near, 0.8 * kSeeds);
  EXPECT_GT(is_prior, 0.75 * kSeeds);
  EXPECT_LT(is_prior, kSeeds);
}

TEST_P(SamplerConformance, NoValueIsStarved) {
  const v1::StudySpec spec = MixedSpace().With(GetParam().kind, 150);
  std::map<std::string, std::set<std::string>> seen;
  Search search(spec);
  for (const v1::Trial& trial : RunToEnd(search)) {
    for (const v1::Assignment& assignment : trial.parameters()) {
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
  Search search(*spec);
  const std::string expected = ToText(search.Propose()->configuration);
  spec->Clear();
  spec.reset();
  EXPECT_EQ(ToText(search.Propose()->configuration), expected);
}

}  // namespace
}  // namespace tpsweep::server
