#include "client/table.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace tpsweep::client {
namespace {

using Rows = std::vector<std::vector<std::string>>;

TEST(DisplayWidth, CountsColumnsOfTheTerminalAndNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("0.12 ± 0.01"), 11);
  EXPECT_EQ(DisplayWidth("3 µs"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);  // combining acute accent
  EXPECT_EQ(DisplayWidth("日本"), 4);
}

TEST(DisplayWidth, TakesBytesThatAreNotUtf8AsCharacters) {
  EXPECT_EQ(DisplayWidth("\xff\xfe"), 2);
  EXPECT_EQ(DisplayWidth("a\xe2\x82"), 2);  // cut off in the middle of a character
}

TEST(CutToWidth, NeverCutsACharacterInTwo) {
  EXPECT_EQ(CutToWidth("█░█", 2), "█░");
  EXPECT_EQ(CutToWidth("日本", 3), "日");
  EXPECT_EQ(CutToWidth("abc", 5), "abc");
  EXPECT_EQ(CutToWidth("abc", 0), "");
}

TEST(Printable, TakesTheTeethOutOfTerminalSequences) {
  EXPECT_EQ(Printable("\033[2Jowned\r\a"), "?[2Jowned??");
  EXPECT_EQ(Printable("\u009b31m"), "?31m");  // the one-character form of ESC [
  EXPECT_EQ(Printable("two\nlines ± µ"), "two lines ± µ");
}

TEST(LayOut, AlignsColumnsByWhatTheReaderSees) {
  EXPECT_EQ(LayOut({Align::kRight, Align::kLeft, Align::kLeft},
                   Rows{{"trial", "error", "state"}, {"0", "0.1 ± 0.2", "A"}, {"10", "0.3", "B"}}),
            "trial  error      state\n"
            "    0  0.1 ± 0.2  A\n"
            "   10  0.3        B\n");
}

TEST(LayOut, LeavesNoSpaceAtTheEndOfALine) {
  EXPECT_EQ(LayOut({Align::kLeft, Align::kLeft}, Rows{{"a", "long"}, {"b", ""}}), "a  long\nb\n");
}

}  // namespace
}  // namespace tpsweep::client
