#include "common/training/data_search_path.h"

#include <gmock/gmock.h>

namespace tpsweep {
namespace {

using testing::ElementsAre;

TEST(DataSearchPathTest, FoldersReplaceTheEnvironment) {
  EXPECT_THAT(DataSearchPath({"a", "b"}, "c"), ElementsAre("a", "b"));
}

TEST(DataSearchPathTest, TheSystemsFolderComesLast) {
  EXPECT_THAT(DataSearchPath({}, "c::d"), ElementsAre("c", "d", "/usr/share/datasets"));
  EXPECT_THAT(DataSearchPath({}, ""), ElementsAre("/usr/share/datasets"));
}

}  // namespace
}  // namespace tpsweep
