#include "client/output.h"

#include <gmock/gmock.h>

#include <limits>
#include <sstream>

namespace tpsweep::client {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Listing Pets() {
  return {"pets",
          {{"name", "NAME"}, {"weight", "WEIGHT", Align::kRight}, {"age", ""}, {"note", "NOTE"}},
          {{TextCell("cat"), {"4.2 kg", 4.25}, CountCell(3), TextCell("")},
           {TextCell("ant, red"), {"-", nullptr}, CountCell(0), TextCell("")}},
          "no pets"};
}

std::string Written(const Listing& listing, Format format) {
  std::ostringstream out;
  Write(listing, format, out);
  return out.str();
}

TEST(Write, TableLeavesOutHiddenAndEmptyColumns) {
  EXPECT_EQ(Written(Pets(), Format::kTable),
            "NAME      WEIGHT\n"
            "cat       4.2 kg\n"
            "ant, red       -\n");
}

TEST(Write, EmptyTableSaysSo) {
  Listing none = Pets();
  none.rows.clear();
  EXPECT_EQ(Written(none, Format::kTable), "no pets\n");
  EXPECT_EQ(Json::parse(Written(none, Format::kJson)),
            Json({{"version", 1}, {"pets", Json::array()}}));
  EXPECT_EQ(Written(none, Format::kCsv), "name,weight,age,note\r\n");
}

TEST(Write, JsonHasEveryColumnAndAVersion) {
  const Json expected = {{"version", 1},
                         {"pets",
                          {{{"name", "cat"}, {"weight", 4.25}, {"age", 3}, {"note", ""}},
                           {{"name", "ant, red"}, {"weight", nullptr}, {"age", 0}, {"note", ""}}}}};
  EXPECT_EQ(Json::parse(Written(Pets(), Format::kJson)), expected);
}

TEST(Write, CsvHasFullPrecisionAndQuotesCommas) {
  EXPECT_EQ(Written(Pets(), Format::kCsv),
            "name,weight,age,note\r\n"
            "cat,4.25,3,\r\n"
            "\"ant, red\",,0,\r\n");
}

TEST(WriteJson, MendsTextThatIsNotUtf8AndNumbersThatAreNotFinite) {
  std::ostringstream out;
  WriteJson({{"text", "bad \xff byte"}, {"number", kNan}}, out);
  const Json read = Json::parse(out.str());
  EXPECT_EQ(read["text"], "bad \uFFFD byte");
  EXPECT_TRUE(read["number"].is_null());
}

TEST(CsvRecord, QuotesAsRfc4180) {
  EXPECT_EQ(CsvRecord({Json("plain"), Json("a,b"), Json("say \"hi\""), Json("two\nlines"),
                       Json("back\\slash"), Json(" space ")}),
            "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",back\\slash, space \r\n");
}

TEST(CsvRecord, KeepsEveryDigit) {
  EXPECT_EQ(CsvRecord({Json(0.1), Json(1.0 / 3), Json(9007199254740991), Json(-1e-300)}),
            "0.1,0.3333333333333333,9007199254740991,-1e-300\r\n");
}

TEST(CsvRecord, EmptyForWhatIsNotThereOrNotFinite) {
  EXPECT_EQ(CsvRecord({Json(), Json(kNan), Json(""), Json(false)}), ",,,false\r\n");
}

TEST(CsvRecord, WritesListsAsJson) {
  EXPECT_EQ(CsvRecord({Json({256, 128})}), "\"[256,128]\"\r\n");
}

}  // namespace
}  // namespace tpsweep::client
