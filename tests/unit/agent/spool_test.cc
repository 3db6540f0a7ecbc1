#include "worker/agent/spool.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

#include "common/file.h"
#include "common/log.h"
#include "common/sha256.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/synthetic_idx.h"

namespace tpsweep::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kAttempt[] = "studies/s/trials/0/runs/0/attempts/1";
constexpr int64_t kLots = 1 << 20;

v1::Hello Self(const std::string& incarnation) {
  v1::Hello self;
  self.set_worker_id("w");
  self.set_incarnation(incarnation);
  return self;
}

v1::Lease LeaseOf(const std::string& attempt) {
  v1::Lease lease;
  lease.set_attempt(attempt);
  lease.mutable_training()->set_epochs(7);
  return lease;
}

std::vector<v1::Measurement> Measured(int64_t from, int64_t to) {
  std::vector<v1::Measurement> measurements;
  for (int64_t sequence = from; sequence <= to; ++sequence) {
    v1::Measurement& measurement = measurements.emplace_back();
    measurement.set_sequence(sequence);
    (*measurement.mutable_scalars())["train/loss"] = 1.0 / static_cast<double>(sequence);
  }
  return measurements;
}

class SpoolTest : public testing::Test {
 protected:
  ~SpoolTest() override { SetLogSink({}); }

  std::unique_ptr<Spool> Open(const std::string& incarnation = "first", int64_t bytes = kLots) {
    auto spool = Spool::Open(folder_.File("spool"), Self(incarnation), bytes);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return *std::move(spool);
  }
  std::string File(const std::string& name) const {
    return folder_.File("spool/studies.s.trials.0.runs.0.attempts.1/" + name);
  }
  static v1::Lease At(int64_t sequence, const std::string& state) {
    v1::Lease lease = LeaseOf(kAttempt);
    lease.mutable_checkpoint()->set_number(2);
    lease.mutable_checkpoint()->set_sequence(sequence);
    lease.mutable_checkpoint()->set_sha256(Sha256Hex(state));
    return lease;
  }
  // An attempt with measurements 1 to 5, and a checkpoint after the third.
  void WriteOne(bool is_complete = false) {
    const std::unique_ptr<Spool> spool = Open();
    const std::unique_ptr<AttemptSpool> attempt = spool->Make(LeaseOf(kAttempt));
    EXPECT_TRUE(attempt->Begin());
    EXPECT_TRUE(attempt->Append(Measured(1, 3)));
    EXPECT_TRUE(attempt->Save(At(3, "state"), "state"));
    EXPECT_TRUE(attempt->Append(Measured(4, 5)));
    if (!is_complete) return;
    v1::Completion completion;
    completion.set_attempt(kAttempt);
    completion.set_last_sequence(5);
    completion.set_outcome(v1::ATTEMPT_OUTCOME_COMPLETED);
    EXPECT_TRUE(attempt->Complete(completion));
  }
  static std::vector<int64_t> SequencesOf(const SpooledAttempt& found) {
    std::vector<int64_t> sequences;
    int64_t offset = 0;
    while (found.acknowledged_to < found.measured_to &&
           (sequences.empty() || sequences.back() < found.measured_to)) {
      const auto part = found.spool->Read(offset, found.measured_to, 1);
      if (!part.ok()) {
        ADD_FAILURE() << part.status();
        break;
      }
      for (const v1::Measurement& m : part->measurements) {
        EXPECT_EQ(m.scalars().at("train/loss"), 1.0 / static_cast<double>(m.sequence()));
        sequences.push_back(m.sequence());
      }
      offset = part->end;
    }
    return sequences;
  }

  TempFolder folder_;
};

TEST_F(SpoolTest, AnEmptyOneBelongsToWhoOpensIt) {
  EXPECT_EQ(Open("first")->self().incarnation(), "first");
  const std::unique_ptr<Spool> second = Open("second");
  EXPECT_EQ(second->self().incarnation(), "second");
  EXPECT_EQ(second->self().worker_id(), "w");
  EXPECT_THAT(second->TakeUp(), IsEmpty());
}

TEST_F(SpoolTest, GivesBackWhatItTook) {
  WriteOne();
  const std::unique_ptr<Spool> spool = Open("second");
  EXPECT_EQ(spool->self().incarnation(), "first") << "it comes back as the one before";
  const std::vector<SpooledAttempt> found = spool->TakeUp();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].lease.attempt(), kAttempt);
  EXPECT_EQ(found[0].lease.training().epochs(), 7);
  EXPECT_EQ(found[0].lease.checkpoint().number(), 2);
  EXPECT_EQ(*found[0].checkpoint, "state");
  EXPECT_FALSE(found[0].completion.has_value());
  EXPECT_EQ(found[0].times_taken_up, 1);
  // What came after the checkpoint is trained again.
  EXPECT_THAT(SequencesOf(found[0]), ElementsAre(1, 2, 3));
}

TEST_F(SpoolTest, OfWhatHasEndedAllIsKept) {
  WriteOne(true);
  const std::unique_ptr<Spool> spool = Open();
  const std::vector<SpooledAttempt> found = spool->TakeUp();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].completion->outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
  EXPECT_THAT(SequencesOf(found[0]), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(SpoolTest, WithoutACheckpointItBeginsAgain) {
  {
    const std::unique_ptr<Spool> spool = Open();
    const auto attempt = spool->Make(LeaseOf(kAttempt));
    EXPECT_TRUE(attempt->Append(Measured(1, 3)));
  }
  const std::unique_ptr<Spool> spool = Open();
  const std::vector<SpooledAttempt> found = spool->TakeUp();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].checkpoint, nullptr);
  EXPECT_EQ(found[0].measured_to, 0);
}

TEST_F(SpoolTest, WhatIsNotThereWasAcknowledged) {
  {
    const std::unique_ptr<Spool> spool = Open();
    const auto attempt = spool->Make(LeaseOf(kAttempt));
    EXPECT_TRUE(attempt->Append(Measured(1, 2)));
    EXPECT_TRUE(attempt->Append(Measured(6, 8)));
    EXPECT_TRUE(attempt->Save(At(8, "state"), "state"));
  }
  {
    const std::unique_ptr<Spool> spool = Open();
    const std::vector<SpooledAttempt> found = spool->TakeUp();
    EXPECT_EQ(found.at(0).acknowledged_to, 5);
    EXPECT_EQ(found.at(0).measured_to, 8);
    found[0].spool->Clear();
  }
  const std::unique_ptr<Spool> spool = Open();
  const std::vector<SpooledAttempt> found = spool->TakeUp();
  EXPECT_EQ(found.at(0).acknowledged_to, 8);
  EXPECT_EQ(found.at(0).measured_to, 8);
}

TEST_F(SpoolTest, CountsHowOftenItWasTakenUpSinceACheckpoint) {
  WriteOne();
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(Open()->TakeUp().at(0).times_taken_up, i);
  {
    const std::unique_ptr<Spool> spool = Open();
    EXPECT_TRUE(spool->TakeUp().at(0).spool->Save(At(3, "newer"), "newer"));
  }
  EXPECT_EQ(Open()->TakeUp().at(0).times_taken_up, 1);
}

TEST_F(SpoolTest, WhatIsRemovedIsGone) {
  WriteOne();
  {
    const std::unique_ptr<Spool> spool = Open();
    spool->TakeUp().at(0).spool->Remove();
    EXPECT_FALSE(std::filesystem::exists(File("")));
  }
  EXPECT_EQ(Open("second")->self().incarnation(), "second");
}

TEST_F(SpoolTest, OneProcessHasIt) {
  const std::unique_ptr<Spool> spool = Open();
  EXPECT_THAT(Spool::Open(folder_.File("spool"), Self("second"), kLots).status(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("another process")));
}

TEST_F(SpoolTest, AFolderThatCannotBeUsedSaysWhy) {
  EXPECT_THAT(Spool::Open("/dev/null/no", Self("first"), kLots).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("/dev/null/no")));
}

// --- damage -----------------------------------------------------------------

// What may be found of WriteOne, whatever one of its files has suffered: nothing is misread.
void ExpectNothingMisread(const std::vector<SpooledAttempt>& all, const std::string& what) {
  SCOPED_TRACE(what);
  for (const SpooledAttempt& found : all) {
    EXPECT_EQ(found.lease.attempt(), kAttempt);
    EXPECT_EQ(found.lease.training().epochs(), 7);
    if (found.checkpoint != nullptr) {
      EXPECT_EQ(*found.checkpoint, "state");
      EXPECT_EQ(found.lease.checkpoint().sequence(), 3);
    }
    const int64_t last = found.completion ? 5 : found.checkpoint != nullptr ? 3 : 0;
    EXPECT_EQ(found.measured_to, last);
    EXPECT_THAT(found.acknowledged_to, testing::AnyOf(0, last)) << "all of them or none";
  }
}

class DamagedSpoolTest : public SpoolTest {
 protected:
  DamagedSpoolTest() {
    SetLogSink([](LogLevel, absl::string_view) {});
    WriteOne(true);
    for (const char* name : {"lease", "measurements", "checkpoint", "completion"}) {
      whole_[File(name)] = ReadFile(File(name)).value();
    }
    whole_[folder_.File("spool/identity")] = ReadFile(folder_.File("spool/identity")).value();
  }
  std::vector<SpooledAttempt> FindWith(const std::string& damaged, const std::string& bytes) {
    std::filesystem::create_directories(File(""));
    unlink(File("taken_up").c_str());
    for (const auto& [path, content] : whole_) {
      unlink(path.c_str());  // some file systems flush what is cut and written again
      EXPECT_TRUE(WriteFileFrom(path, 0, path == damaged ? bytes : content).ok());
    }
    spool_ = nullptr;
    spool_ = Open();
    return spool_->TakeUp();
  }

  std::map<std::string, std::string> whole_;
  std::unique_ptr<Spool> spool_;
};

TEST_F(DamagedSpoolTest, ATornTailIsCutOff) {
  for (const auto& [path, content] : whole_) {
    for (size_t cut = 0; cut < content.size(); ++cut) {
      const std::vector<SpooledAttempt> found = FindWith(path, content.substr(0, cut));
      ExpectNothingMisread(found, absl::StrCat(path, " cut at ", cut));
      const bool is_needed = path == File("lease") || path == folder_.File("spool/identity");
      EXPECT_THAT(found, SizeIs(is_needed ? 0 : 1));
      for (const SpooledAttempt& one : found) {
        EXPECT_EQ(one.acknowledged_to == one.measured_to, path == File("measurements")) << cut;
      }
    }
  }
}

TEST_F(DamagedSpoolTest, AFlippedBitIsNoticed) {
  for (const auto& [path, content] : whole_) {
    for (size_t at = 0; at < content.size(); ++at) {
      std::string flipped = content;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
      ExpectNothingMisread(FindWith(path, flipped), absl::StrCat(path, " flipped at ", at));
    }
  }
}

TEST_F(DamagedSpoolTest, WhatGrewIsReadAsFarAsItIsWhole) {
  for (const auto& [path, content] : whole_) {
    ExpectNothingMisread(FindWith(path, content + std::string(100, '\0')), path);
  }
}

// --- limits -----------------------------------------------------------------

class LimitedSpoolTest : public SpoolTest {
 protected:
  LimitedSpoolTest() {
    SetLogSink([this](LogLevel, absl::string_view line) { log_ += std::string(line) + "\n"; });
  }
  std::string log_;
};

TEST_F(LimitedSpoolTest, TakesNoMoreThanItsBound) {
  const std::unique_ptr<Spool> spool = Open("first", 100);
  const auto one = spool->Make(LeaseOf(kAttempt));
  const auto two = spool->Make(LeaseOf("studies/s/trials/1/runs/0/attempts/1"));
  EXPECT_TRUE(one->Append(Measured(1, 2)));
  EXPECT_FALSE(two->Append(Measured(1, 2)));
  EXPECT_FALSE(two->Append(Measured(1, 2)));
  EXPECT_FALSE(two->Save(At(0, std::string(100, 'x')), std::string(100, 'x')));
  EXPECT_THAT(log_, HasSubstr("spool.full"));
  EXPECT_EQ(log_.find("spool.full"), log_.rfind("spool.full")) << "said once";
  one->Clear();
  EXPECT_TRUE(two->Append(Measured(1, 2)));
  EXPECT_THAT(log_, HasSubstr("spool.recovered"));
  two->Remove();
  EXPECT_TRUE(one->Append(Measured(3, 4)));
}

// A file system of a few pages, where the test may mount one.
class FullDiskTest : public LimitedSpoolTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(disk_);
    if (mount("tmpfs", disk_.c_str(), "tmpfs", 0, "size=64k") != 0) {
      GTEST_SKIP() << "no tmpfs can be mounted: " << std::strerror(errno);
    }
  }
  ~FullDiskTest() override { umount(disk_.c_str()); }

  const std::string disk_ = folder_.File("spool");
};

TEST_F(FullDiskTest, WhatDoesNotFitChangesNothingAndMayFitLater) {
  {
    const std::unique_ptr<Spool> spool = Open();
    const auto attempt = spool->Make(LeaseOf(kAttempt));
    EXPECT_TRUE(attempt->Append(Measured(1, 3)));
    EXPECT_TRUE(attempt->Save(At(3, "state"), "state"));
    ASSERT_FALSE(WriteFileFrom(folder_.File("spool/other"), 0, std::string(1 << 17, 'x')).ok());
    ASSERT_TRUE(WriteFileFrom(folder_.File("spool/other"), 0, std::string(32 << 10, 'x')).ok());
    EXPECT_FALSE(attempt->Append(Measured(4, 3000)));
    const std::string large(40 << 10, 'y');
    EXPECT_FALSE(attempt->Save(At(3, large), large));
    EXPECT_THAT(log_, HasSubstr("spool.not_written"));
  }
  {
    const std::unique_ptr<Spool> spool = Open();
    const std::vector<SpooledAttempt> found = spool->TakeUp();
    ExpectNothingMisread(found, "full");
    EXPECT_THAT(SequencesOf(found.at(0)), ElementsAre(1, 2, 3));
    unlink(folder_.File("spool/other").c_str());
    EXPECT_TRUE(found[0].spool->Append(Measured(4, 500)));
    EXPECT_TRUE(found[0].spool->Save(At(500, "newer"), "newer"));
  }
  const std::unique_ptr<Spool> spool = Open();
  const std::vector<SpooledAttempt> found = spool->TakeUp();
  EXPECT_EQ(*found.at(0).checkpoint, "newer");
  EXPECT_THAT(SequencesOf(found.at(0)), SizeIs(500));
}

}  // namespace
}  // namespace tpsweep::agent
