// What every store of checkpoints must do, run over all engines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/store/folder_checkpoints.h"
#include "server/store/leadership.h"
#include "server/store/memory_checkpoints.h"
#include "server/store/postgres_checkpoints.h"
#include "server/store/postgres_store.h"
#include "tests/fakes/postgres.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Engine {
  const char* name;
  std::unique_ptr<CheckpointStore> (*open)(const ScratchFolder& folder);
  friend void PrintTo(const Engine& engine, std::ostream* out) { *out << engine.name; }
};

std::unique_ptr<CheckpointStore> OpenFolder(const ScratchFolder& folder) {
  absl::StatusOr<std::unique_ptr<FolderCheckpoints>> store =
      FolderCheckpoints::Open(folder.File("checkpoints"));
  return store.ok() ? *std::move(store) : nullptr;
}

std::unique_ptr<CheckpointStore> OpenPostgres(const ScratchFolder&) {
  const std::string uri = PostgresServer::Shared().NewDatabase();
  Leadership leadership({.uri = uri, .address = ""}, Clock::Real());
  if (!leadership.Take().value_or(false)) return nullptr;
  const PostgresTarget writer = leadership.writer();
  const int64_t epoch = leadership.epoch();
  if (!PostgresStore::Open(writer, epoch).ok()) return nullptr;  // makes the tables
  auto store = PostgresCheckpoints::Open(writer, epoch);
  return store.ok() ? *std::move(store) : nullptr;
}

constexpr Engine kEngines[] = {{"memory",
                                [](const ScratchFolder&) -> std::unique_ptr<CheckpointStore> {
                                  return std::make_unique<MemoryCheckpoints>();
                                }},
                               {"folder", OpenFolder},
                               {"postgres", OpenPostgres}};

CheckpointName NameOf(const std::string& bytes, const std::string& study = "s", int64_t trial = 0) {
  return {{study, trial, 0}, Sha256Hex(bytes)};
}

absl::Status Put(CheckpointStore& store, const CheckpointName& name,
                 const std::vector<std::string>& parts) {
  TP_ASSIGN_OR_RETURN(const auto upload, store.Put(name));
  for (const std::string& part : parts) TP_RETURN_IF_ERROR(upload->Append(part));
  return upload->Finish();
}

std::vector<CheckpointName> Names(const CheckpointStore& store) {
  std::vector<CheckpointName> names;
  const auto all = store.List();
  EXPECT_THAT(all, IsOk());
  for (const StoredCheckpoint& stored : *all) names.push_back(stored.name);
  return names;
}

class CheckpointStoreConformance : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override { ASSERT_NE(store_, nullptr); }

  ScratchFolder folder_;
  std::unique_ptr<CheckpointStore> store_ = GetParam().open(folder_);
};

TEST_P(CheckpointStoreConformance, GivesBackWhatWasPut) {
  const CheckpointName name = NameOf("0123456789");
  TP_ASSERT_OK(Put(*store_, name, {"0123", "", "456789"}));
  EXPECT_THAT(store_->Read(name, 0, 100), IsOkAndHolds("0123456789"));
  EXPECT_THAT(store_->Read(name, 3, 4), IsOkAndHolds("3456"));
  EXPECT_THAT(store_->Read(name, 8, 4), IsOkAndHolds("89"));
  EXPECT_THAT(store_->Read(name, 10, 4), IsOkAndHolds(""));
  EXPECT_THAT(store_->Read(name, int64_t{1} << 40, 4), IsOkAndHolds(""));
  TP_ASSERT_OK_AND_ASSIGN(const std::vector<StoredCheckpoint> stored, store_->List());
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].name, name);
  EXPECT_EQ(stored[0].bytes, 10);
}

TEST_P(CheckpointStoreConformance, AnyPartOfALargeOneCanBeRead) {
  std::string bytes(5'000'000, ' ');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i >> 7);
  const CheckpointName name = NameOf(bytes);
  TP_ASSERT_OK(Put(*store_, name, {bytes.substr(0, 2'500'000), bytes.substr(2'500'000)}));
  for (const size_t offset : {size_t{0}, size_t{1} << 20, size_t{2'000'001}, size_t{4'999'999}}) {
    for (const size_t size : {size_t{1}, size_t{1} << 20, bytes.size()}) {
      const auto part =
          store_->Read(name, static_cast<int64_t>(offset), static_cast<int64_t>(size));
      TP_ASSERT_OK(part);
      EXPECT_TRUE(*part == bytes.substr(offset, size)) << size << " from " << offset;
    }
  }
  // Again, as after an answer that was lost.
  TP_ASSERT_OK(Put(*store_, name, {bytes}));
  EXPECT_EQ(Names(*store_).size(), 1u);
}

TEST_P(CheckpointStoreConformance, AnUploadThatIsNotFinishedLeavesNothing) {
  const CheckpointName name = NameOf("x");
  {
    TP_ASSERT_OK_AND_ASSIGN(const auto upload, store_->Put(name));
    TP_ASSERT_OK(upload->Append("x"));
    EXPECT_THAT(Names(*store_), IsEmpty());
  }
  EXPECT_THAT(store_->Read(name, 0, 1), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Names(*store_), IsEmpty());
}

TEST_P(CheckpointStoreConformance, RemovesAndRemovesAgain) {
  const CheckpointName name = NameOf("x");
  TP_ASSERT_OK(Put(*store_, name, {"x"}));
  TP_EXPECT_OK(store_->Remove(name));
  TP_EXPECT_OK(store_->Remove(name));
  EXPECT_THAT(store_->Read(name, 0, 1), StatusIs(absl::StatusCode::kNotFound));
  TP_ASSERT_OK(Put(*store_, name, {"x"}));
  EXPECT_THAT(store_->Read(name, 0, 1), IsOkAndHolds("x"));
}

TEST_P(CheckpointStoreConformance, ACopyHasTheBytesAndALifeOfItsOwn) {
  std::string bytes(2'500'000, ' ');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i >> 7);
  const CheckpointName parent = NameOf(bytes);
  const CheckpointName child = NameOf(bytes, "s", 7);
  EXPECT_THAT(store_->Copy(parent, child), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Names(*store_), IsEmpty());
  TP_ASSERT_OK(Put(*store_, parent, {bytes}));
  TP_ASSERT_OK(store_->Copy(parent, child));
  TP_ASSERT_OK(store_->Copy(parent, child)) << "again";
  TP_ASSERT_OK_AND_ASSIGN(const std::vector<StoredCheckpoint> stored, store_->List());
  ASSERT_EQ(stored.size(), 2u);
  EXPECT_EQ(stored[1].name, child);
  EXPECT_EQ(stored[1].bytes, 2'500'000);
  TP_ASSERT_OK(store_->Remove(parent));
  const auto read = store_->Read(child, 0, 10'000'000);
  TP_ASSERT_OK(read);
  EXPECT_TRUE(*read == bytes);
  TP_ASSERT_OK(store_->Copy(child, parent));
  TP_ASSERT_OK(store_->Remove(child));
  EXPECT_THAT(Names(*store_), ElementsAre(parent));
}

TEST_P(CheckpointStoreConformance, ListsInOrderOfName) {
  const CheckpointName a = NameOf("1", "a.b-c", 10);
  const CheckpointName b = NameOf("2", "a.b-c", 9);
  const CheckpointName c = NameOf("3", "z");
  for (const CheckpointName& name : {c, a, b}) TP_ASSERT_OK(Put(*store_, name, {"."}));
  EXPECT_THAT(Names(*store_), ElementsAre(b, a, c));
}

TEST_P(CheckpointStoreConformance, ManyUploadsAtOnceDoNotMix) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this, i] {
      for (int j = 0; j < 20; ++j) {
        const std::string bytes = absl::StrCat(i, " ", j);
        ASSERT_THAT(Put(*store_, NameOf(bytes), {bytes.substr(0, 1), bytes.substr(1)}), IsOk());
        ASSERT_THAT(store_->Read(NameOf(bytes), 0, 100), IsOkAndHolds(bytes));
        if (j % 2 == 0) {
          ASSERT_THAT(store_->Remove(NameOf(bytes)), IsOk());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Names(*store_).size(), 80u);
}

INSTANTIATE_TEST_SUITE_P(Engines, CheckpointStoreConformance, testing::ValuesIn(kEngines),
                         [](const auto& engine) { return engine.param.name; });

TEST(FolderCheckpointsTest, SurvivesARestartWithoutTheRestOfAnUpload) {
  const ScratchFolder folder;
  const CheckpointName name = NameOf("kept");
  TP_ASSERT_OK(Put(*OpenFolder(folder), name, {"kept"}));
  const std::string left = folder.File("checkpoints") + "/s/0-0-abc.safetensors.1.2.tmp";
  std::ofstream(left) << "half";
  const std::unique_ptr<CheckpointStore> store = OpenFolder(folder);
  ASSERT_NE(store, nullptr);
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_THAT(Names(*store), ElementsAre(name));
  EXPECT_THAT(store->Read(name, 0, 10), IsOkAndHolds("kept"));
}

TEST(FolderCheckpointsTest, LeavesFilesOfOthersAlone) {
  const ScratchFolder folder;
  ASSERT_NE(OpenFolder(folder), nullptr);
  std::filesystem::create_directories(folder.File("checkpoints") + "/s");
  std::ofstream(folder.File("checkpoints") + "/s/notes.txt") << "mine";
  const std::unique_ptr<CheckpointStore> store = OpenFolder(folder);
  EXPECT_THAT(Names(*store), IsEmpty());
  EXPECT_TRUE(std::filesystem::exists(folder.File("checkpoints") + "/s/notes.txt"));
}

TEST(FolderCheckpointsTest, SaysWhyAFolderCannotBeUsed) {
  const ScratchFolder folder;
  std::ofstream(folder.File("file")) << "x";
  EXPECT_THAT(FolderCheckpoints::Open(folder.File("file")).status(),
              StatusIs(absl::StatusCode::kUnavailable, testing::HasSubstr("cannot")));
}

}  // namespace
}  // namespace tpsweep::server
