// Records that are read back are the bytes they were read from. A spool of which one file
// holds anything at all is opened, and what is found in it hangs together.
//
// The first byte of the input chooses: bits 0 to 2 the file (0: none, only the records), bit 3
// whether the rest is a record's content, or the file as it is.
#include <google/protobuf/stubs/logging.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/log.h"
#include "common/sha256.h"
#include "tests/fakes/synthetic_idx.h"
#include "tests/fuzz/property.h"
#include "worker/agent/backlog.h"
#include "worker/agent/records.h"
#include "worker/agent/spool.h"

namespace tpsweep::agent {
namespace {

constexpr char kAttempt[] = "studies/s/trials/0/runs/0/attempts/1";
constexpr const char* kFiles[] = {"lease",      "measurements", "checkpoint",
                                  "completion", "taken_up",     "../identity"};

void CheckRecords(absl::string_view file) {
  std::string again;
  absl::string_view rest = file;
  while (const std::optional<absl::string_view> content = FirstRecord(rest)) {
    AppendRecord(*content, again);
    rest.remove_prefix(kRecordHeader + content->size());
  }
  TP_PROPERTY(again == file.substr(0, again.size()));
}

// In memory where there is such a folder: no disk is to be waited for.
bool ChooseFolder() {
  const char* const memory = "/dev/shm";
  return !std::filesystem::is_directory(memory) || setenv("TMPDIR", memory, 0) == 0;
}

class Fixture {
 public:
  Fixture() {
    SetLogLevel(LogLevel::kError);
    google::protobuf::SetLogHandler(nullptr);
    v1::Hello self;
    self.set_worker_id("w");
    self.set_incarnation("1");
    const std::unique_ptr<Spool> spool = *Spool::Open(folder_.path(), self, 1 << 20);
    v1::Lease lease;
    lease.set_attempt(kAttempt);
    const std::unique_ptr<AttemptSpool> attempt = spool->Make(lease);
    std::vector<v1::Measurement> measurements(4);
    for (size_t i = 0; i < 4; ++i) measurements[i].set_sequence(static_cast<int64_t>(i) + 1);
    lease.mutable_checkpoint()->set_sequence(3);
    lease.mutable_checkpoint()->set_sha256(Sha256Hex("state"));
    v1::Completion completion;
    completion.set_attempt(kAttempt);
    completion.set_last_sequence(4);
    TP_PROPERTY(attempt->Append(measurements) && attempt->Save(lease, "state") &&
                attempt->Complete(completion));
    for (const char* name : kFiles) whole_.push_back(ReadFile(File(name)).value_or(""));
  }

  void Check(size_t damaged, absl::string_view bytes) {
    std::filesystem::create_directories(AttemptFolder());
    for (size_t i = 0; i < whole_.size(); ++i) {
      unlink(File(kFiles[i]).c_str());  // some file systems flush what is cut and written again
      TP_PROPERTY(WriteFileFrom(File(kFiles[i]), 0, i == damaged ? bytes : whole_[i]).ok());
    }
    const auto spool = Spool::Open(folder_.path(), {}, 1 << 20);
    TP_PROPERTY(spool.ok());
    for (const SpooledAttempt& found : (*spool)->TakeUp()) {
      if (found.checkpoint != nullptr) {
        TP_PROPERTY(Sha256Hex(*found.checkpoint) == found.lease.checkpoint().sha256());
      }
      CheckMeasurements(found);
    }
  }

 private:
  std::string AttemptFolder() const { return folder_.File("studies.s.trials.0.runs.0.attempts.1"); }
  std::string File(const char* name) const { return absl::StrCat(AttemptFolder(), "/", name); }

  // They are all there and in order, or it is noticed.
  static void CheckMeasurements(const SpooledAttempt& found) {
    Backlog backlog;
    backlog.BeginOnDisk(found.acknowledged_to, found.measured_to);
    while (backlog.WantsReading(1 << 20)) {
      const auto part = found.spool->Read(backlog.read_offset(), backlog.read_to(), 1);
      if (!part.ok() || !backlog.Read(part->measurements, part->end)) return;
    }
    TP_PROPERTY(backlog.sayable_to() == found.measured_to || found.measured_to < 0);
  }

  const bool is_chosen_ = ChooseFolder();
  TempFolder folder_;
  std::vector<std::string> whole_;
};

}  // namespace
}  // namespace tpsweep::agent

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tpsweep::agent;
  static Fixture fixture;
  if (size == 0) return 0;
  const size_t file = data[0] & 7;
  const absl::string_view rest = tpsweep::FuzzBytes(data + 1, size - 1);
  std::string record;
  AppendRecord(rest, record);
  const absl::string_view bytes = (data[0] & 8) != 0 ? absl::string_view(record) : rest;
  if (file == 0 || file > 6) {
    CheckRecords(bytes);
  } else {
    fixture.Check(file - 1, bytes);
  }
  return 0;
}
