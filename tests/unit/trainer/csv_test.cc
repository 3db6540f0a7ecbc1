#include "worker/trainer/data/csv.h"

#include "absl/strings/str_cat.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::trainer {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

std::vector<double> Doubles(const Array& array) {
  return std::get<std::vector<double>>(array.values);
}

TEST(Csv, ALabelIsAClass) {
  TP_ASSERT_OK_AND_ASSIGN(const CsvTable table, ParseCsv("a,label,b\n1,-3,2.5\n-4e-1,7,0\n", "f"));
  EXPECT_THAT(table.columns, ElementsAre("a", "label", "b"));
  EXPECT_THAT(table.inputs.shape, ElementsAre(2, 2));
  EXPECT_THAT(Doubles(table.inputs), ElementsAre(1, 2.5, -0.4, 0));
  EXPECT_THAT(table.targets.shape, ElementsAre(2));
  EXPECT_THAT(std::get<std::vector<int64_t>>(table.targets.values), ElementsAre(-3, 7));
}

TEST(Csv, ColumnsNamedTargetAreTargets) {
  TP_ASSERT_OK_AND_ASSIGN(const CsvTable table, ParseCsv("target_y,x,target\n0.1,0.2,0.3\n", "f"));
  EXPECT_THAT(Doubles(table.inputs), ElementsAre(0.2));
  EXPECT_THAT(table.targets.shape, ElementsAre(1, 2));
  EXPECT_THAT(Doubles(table.targets), ElementsAre(0.1, 0.3));
}

TEST(Csv, TakesTheLineEndsAndQuotesOfOtherPrograms) {
  for (const char* text : {"x,label\n1,2\n3,4\n", "x,label\n1,2\n3,4", "x,label\r\n1,2\r\n3,4\r\n",
                           "x,label\r\n1,2\r\n3,4", "\xef\xbb\xbfx,label\n1,2\n3,4\n",
                           "\"x\",\"label\"\n1,\"2\"\n 3 ,\t4\n"}) {
    TP_ASSERT_OK_AND_ASSIGN(const CsvTable table, ParseCsv(text, "f"));
    EXPECT_THAT(table.columns, ElementsAre("x", "label"));
    EXPECT_THAT(Doubles(table.inputs), ElementsAre(1, 3));
    EXPECT_THAT(std::get<std::vector<int64_t>>(table.targets.values), ElementsAre(2, 4));
  }
}

struct BadFile {
  const char* what;
  std::string text;
  const char* message;  // the beginning
};

class BadCsv : public testing::TestWithParam<BadFile> {};

TEST_P(BadCsv, IsRefusedWithFileLineAndWhatIsLegal) {
  EXPECT_THAT(ParseCsv(GetParam().text, "t.csv"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(GetParam().message)));
}

// The second sample, in line 3, of columns x and label.
std::string Line3(const std::string& line) { return absl::StrCat("x,label\n1,2\n", line, "\n"); }

INSTANTIATE_TEST_SUITE_P(
    Table, BadCsv,
    testing::Values(
        BadFile{"empty", "", "t.csv:1: column 1 has no name"},
        BadFile{"no_samples", "x,label\n", "t.csv:1: no samples follow"},
        BadFile{"no_name", "x,,label\n1,2,3\n", "t.csv:1: column 2 has no name"},
        BadFile{"same_name", "x,label,x\n1,2,3\n", "t.csv:1: column 'x' is there twice"},
        BadFile{"no_header", "1,2\n3,4\n", "t.csv:1: no column is 'label' (classes) or begins"},
        BadFile{"no_inputs", "label\n3\n", "t.csv:1: no column is an input"},
        BadFile{"two_kinds", "x,label,target\n1,2,3\n", "t.csv:1: there is a column 'label' and"},
        BadFile{"name_with_comma", "\"a,b\",label\n1,2\n", "t.csv:1: column 1 has a quote in"},
        BadFile{"few_cells", Line3("1"), "t.csv:3: the line has 1 cell; the line of column names"},
        BadFile{"many_cells", Line3("1,2,3"),
                "t.csv:3: the line has 3 cells; the line of column "
                "names has 2"},
        BadFile{"blank_line", Line3(""), "t.csv:3: the line is empty"},
        BadFile{"no_value", Line3(",1"), "t.csv:3: column 'x' is empty; legal: finite numbers"},
        BadFile{"word", Line3("one,1"), "t.csv:3: column 'x' is 'one'; legal: finite numbers"},
        BadFile{"nan", Line3("nan,1"), "t.csv:3: column 'x' is 'nan'; legal: finite numbers"},
        BadFile{"infinite", Line3("1e999,1"), "t.csv:3: column 'x' is '1e999'; legal: finite"},
        BadFile{"binary", Line3("\x01\xff,1"), "t.csv:3: column 'x' is '\\x01\\xff'; legal"},
        BadFile{"long", Line3(std::string(1000, 'z') + ",1"),
                "t.csv:3: column 'x' is 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz...'; legal"},
        BadFile{"two_numbers", Line3("1 2,1"), "t.csv:3: column 'x' is '1 2'; legal"},
        BadFile{"quote", Line3("1\"2,1"), "t.csv:3: column 'x' has a quote inside; legal"},
        BadFile{"real_label", Line3("1,2.5"), "t.csv:3: column 'label' is '2.5'; legal: whole"},
        BadFile{"long_label", Line3("1,99999999999999999999"), "t.csv:3: column 'label' is '999"}),
    [](const auto& row) { return std::string(row.param.what); });

}  // namespace
}  // namespace tpsweep::trainer
