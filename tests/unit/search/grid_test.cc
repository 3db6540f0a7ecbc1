#include "server/search/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/spec/field_path.h"
#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

using ::testing::ElementsAre;

// "path=value path=value" of every configuration, in order.
std::vector<std::string> Configurations(const SpaceBuilder& space) {
  const SearchSpace searched(space.Grid());
  const Grid grid(searched);
  std::vector<std::string> all;
  for (int64_t n = 0; n < grid.size(); ++n) {
    all.push_back(absl::StrJoin(searched.ToConfiguration(grid.At(n)), " ",
                                [](std::string* out, const v1::Assignment& assignment) {
                                  absl::StrAppend(out, assignment.path(), "=",
                                                  spec::ToText(assignment.value()));
                                }));
  }
  return all;
}

TEST(GridTest, TheLastParameterChangesFastest) {
  EXPECT_THAT(
      Configurations(
          SpaceBuilder().Choice("a", {Text("x"), Text("y")}).Integer("b", 1, 3).Boolean("c")),
      ElementsAre("a=x b=1 c=false", "a=x b=1 c=true", "a=x b=2 c=false", "a=x b=2 c=true",
                  "a=x b=3 c=false", "a=x b=3 c=true", "a=y b=1 c=false", "a=y b=1 c=true",
                  "a=y b=2 c=false", "a=y b=2 c=true", "a=y b=3 c=false", "a=y b=3 c=true"));
}

TEST(GridTest, AnEmptySpaceHasOneConfiguration) {
  EXPECT_THAT(Configurations(SpaceBuilder()), ElementsAre(""));
}

TEST(GridTest, AParameterCountsOnlyWhereItExists) {
  EXPECT_THAT(
      Configurations(SpaceBuilder()
                         .Choice("rule", {Text("bp"), Text("dtp"), Text("ddtp")})
                         .Integer("sigma", 1, 2)
                         .When("rule", {Text("dtp")})
                         .Boolean("bias")),
      ElementsAre("rule=bp bias=false", "rule=bp bias=true", "rule=dtp sigma=1 bias=false",
                  "rule=dtp sigma=1 bias=true", "rule=dtp sigma=2 bias=false",
                  "rule=dtp sigma=2 bias=true", "rule=ddtp bias=false", "rule=ddtp bias=true"));
}

TEST(GridTest, ConditionsMayNameParametersBelow) {
  EXPECT_THAT(Configurations(SpaceBuilder()
                                 .Integer("sigma", 1, 2)
                                 .When("rule", {Text("dtp")})
                                 .Choice("rule", {Text("bp"), Text("dtp")})),
              ElementsAre("rule=bp", "sigma=1 rule=dtp", "sigma=2 rule=dtp"));
}

TEST(GridTest, ConditionsChain) {
  EXPECT_THAT(Configurations(SpaceBuilder()
                                 .Boolean("a")
                                 .Boolean("b")
                                 .When("a", {Bool(true)})
                                 .Integer("c", 7, 8)
                                 .When("b", {Bool(false)})),
              ElementsAre("a=false", "a=true b=false c=7", "a=true b=false c=8", "a=true b=true"));
}

TEST(GridTest, NamedValuesBetweenOthersKeepTheirPlace) {
  EXPECT_THAT(Configurations(
                  SpaceBuilder().Integer("n", 0, 5).Boolean("b").When("n", {Number(1), Number(4)})),
              ElementsAre("n=0", "n=1 b=false", "n=1 b=true", "n=2", "n=3", "n=4 b=false",
                          "n=4 b=true", "n=5"));
}

TEST(GridTest, AValueThatTheGridSkipsIsNeverMet) {
  EXPECT_THAT(
      Configurations(SpaceBuilder().Integer("n", 0, 10, 2).Boolean("b").When("n", {Number(5)})),
      ElementsAre("n=0", "n=10"));
}

// The definition, without any counting: all combinations of all values, those of
// absent parameters taken out, each kept once.
TEST(GridTest, AgreesWithPlainEnumeration) {
  const SpaceBuilder space = SpaceBuilder()
                                 .Choice("a", {Text("p"), Text("q"), Text("r")})
                                 .Integer("b", 1, 4)
                                 .When("a", {Text("q"), Text("r")})
                                 .Boolean("c")
                                 .When("b", {Number(2), Number(3)})
                                 .When("a", {Text("r")})
                                 .Boolean("d")
                                 .Integer("e", 1, 3)
                                 .When("d", {Bool(true)});
  std::set<std::string> expected;
  for (const std::string a : {"p", "q", "r"}) {
    for (int b = 1; b <= 4; ++b) {
      for (const bool c : {false, true}) {
        for (const bool d : {false, true}) {
          for (int e = 1; e <= 3; ++e) {
            std::string text = "a=" + a;
            if (a != "p") absl::StrAppend(&text, " b=", b);
            if (a == "r" && (b == 2 || b == 3)) absl::StrAppend(&text, " c=", c ? "true" : "false");
            absl::StrAppend(&text, " d=", d ? "true" : "false");
            if (d) absl::StrAppend(&text, " e=", e);
            expected.insert(text);
          }
        }
      }
    }
  }
  const std::vector<std::string> found = Configurations(space);
  EXPECT_EQ(found.size(), expected.size());
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), expected);
}

TEST(GridTest, AMillionPointsAreNotWrittenOut) {
  const SearchSpace space(SpaceBuilder().Linear("a", 0, 1, 1000).Linear("b", 0, 1, 1000).Grid());
  const Grid grid(space);
  EXPECT_EQ(grid.size(), 1'000'000);
  EXPECT_THAT(grid.At(999'999), ElementsAre(1, 1));
  EXPECT_THAT(grid.At(999), ElementsAre(0, 1));
}

// 2^12 combinations of conditions, but few states to count.
TEST(GridTest, IndependentConditionsAreCountedApart) {
  SpaceBuilder space;
  for (int i = 0; i < 12; ++i) {
    space.Boolean(absl::StrCat("switch", i));
    space.Boolean(absl::StrCat("value", i)).When(absl::StrCat("switch", i), {Bool(true)});
  }
  const SearchSpace searched(space.Grid());
  EXPECT_EQ(Grid(searched).size(), 531'441);  // 3^12
}

}  // namespace
}  // namespace tpsweep::server
