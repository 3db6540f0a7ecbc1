#include "client/data_sets.h"

#include <gmock/gmock.h>

#include "tests/fakes/synthetic_idx.h"

namespace tpsweep::client {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::Not;

auto Set(const std::string& name, const std::string& folder, const std::string& comment) {
  return AllOf(Field(&DataSetFolder::name, name), Field(&DataSetFolder::folder, folder),
               Field(&DataSetFolder::comment, comment));
}
auto Named(const std::string& name) { return Field(&DataSetFolder::name, name); }

TEST(FindDataSets, FindsPlainAndCompressedFolders) {
  const TempFolder folder;
  WriteSyntheticIdx(folder.File("tiny"));
  WriteSyntheticIdx(folder.File("small"), {.gzip = true});
  EXPECT_THAT(FindDataSets({folder.path()}), ElementsAre(Set("small", folder.File("small"), "gzip"),
                                                         Set("tiny", folder.File("tiny"), "plain"),
                                                         Named("fashion-mnist"), Named("mnist")));
}

TEST(FindDataSets, FirstFolderWins) {
  const TempFolder first, second;
  WriteSyntheticIdx(first.File("mnist"));
  WriteSyntheticIdx(second.File("mnist"), {.gzip = true});
  EXPECT_THAT(FindDataSets({first.path(), second.path()}),
              ElementsAre(Set("mnist", first.File("mnist"), "plain"), Named("fashion-mnist")));
}

TEST(FindDataSets, AFolderOnTheSearchPathMayBeTheSetItself) {
  const TempFolder folder;
  WriteSyntheticIdx(folder.File("tiny"));
  EXPECT_THAT(FindDataSets({folder.File("tiny") + "/"}),
              Contains(Set("tiny", folder.File("tiny"), "plain")));
}

TEST(FindDataSets, LeavesOutWhatIsIncomplete) {
  const TempFolder folder;
  WriteSyntheticIdx(folder.File("tiny"));
  std::filesystem::remove(folder.File("tiny/t10k-labels-idx1-ubyte"));
  EXPECT_THAT(FindDataSets({folder.path(), folder.File("no/such/folder")}),
              Not(Contains(Named("tiny"))));
}

TEST(FindDataSets, SaysHowToGetAKnownSetThatIsMissing) {
  const std::vector<DataSetFolder> sets = FindDataSets({});
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0].folder, "");
  EXPECT_THAT(sets[0].comment, testing::HasSubstr("apt install dataset-fashion-mnist"));
}

}  // namespace
}  // namespace tpsweep::client
