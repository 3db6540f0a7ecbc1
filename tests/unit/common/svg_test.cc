#include "common/svg.h"

#include <gmock/gmock.h>

namespace tpsweep {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(SvgPicture, IsOneSvgElementOfItsSize) {
  const std::string text = SvgPicture(200, 100).ToString();
  EXPECT_THAT(text, StartsWith("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" "
                               "height=\"100\" viewBox=\"0 0 200 100\">"));
  EXPECT_THAT(text, EndsWith("</svg>\n"));
}

TEST(SvgPicture, DrawsWhatIsAddedInOrder) {
  SvgPicture picture(100, 100);
  picture.Line(1, 2, 3, 4, "red");
  picture.Circle(5, 6, 7, "none", "blue");
  picture.Text(8, 9, "loss", SvgPicture::Anchor::kMiddle);
  const std::string text = picture.ToString();
  const size_t line =
      text.find("<line x1=\"1.00\" y1=\"2.00\" x2=\"3.00\" y2=\"4.00\" stroke=\"red\"");
  const size_t circle = text.find("<circle cx=\"5.00\" cy=\"6.00\" r=\"7.00\" fill=\"none\"");
  const size_t words = text.find("text-anchor=\"middle\">loss</text>");
  EXPECT_LT(line, circle);
  EXPECT_LT(circle, words);
  EXPECT_NE(words, std::string::npos);
}

TEST(SvgPicture, AnArrowEndsInAHeadOfTwoLines) {
  SvgPicture picture(100, 100);
  picture.Arrow(10, 50, 90, 50, "red");
  const std::string text = picture.ToString();
  size_t lines = 0;
  for (size_t at = text.find("<line"); at != std::string::npos; at = text.find("<line", at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, 3U);
  EXPECT_THAT(text, HasSubstr("x1=\"90.00\" y1=\"50.00\" x2=\"82."));
}

TEST(SvgPicture, AnAreaIsASeeThroughPolygon) {
  SvgPicture picture(100, 100);
  picture.Area({{{1, 2}, {3, 4}, {5, 6}}}, "red", 0.25);
  EXPECT_THAT(picture.ToString(), HasSubstr("<polygon points=\"1.00,2.00 3.00,4.00 5.00,6.00 \" "
                                            "fill=\"red\" fill-opacity=\"0.25\"/>"));
}

TEST(SvgPicture, EscapesText) {
  SvgPicture picture(10, 10);
  picture.Text(0, 0, "a<b & c>d");
  EXPECT_THAT(picture.ToString(), HasSubstr("a&lt;b &amp; c&gt;d"));
  EXPECT_THAT(picture.ToString(), Not(HasSubstr("a<b")));
}

}  // namespace
}  // namespace tpsweep
