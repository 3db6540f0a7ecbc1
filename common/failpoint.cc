#include "common/failpoint.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace tpsweep {
namespace {

constexpr FailpointName kNames[] = {
    {Failpoint::kBeforeCommit, "store.before_commit"},
    {Failpoint::kAfterCommit, "store.after_commit"},
    {Failpoint::kAfterAnswers, "store.after_answers"},
    {Failpoint::kBeforeRename, "file.before_rename"},
    {Failpoint::kAfterRename, "file.after_rename"},
    {Failpoint::kBeforeAppend, "file.before_append"},
    {Failpoint::kAfterAppend, "file.after_append"},
    {Failpoint::kAfterUpload, "checkpoint.after_upload"},
    {Failpoint::kBeforeCopy, "checkpoint.before_copy"},
    {Failpoint::kAfterCopy, "checkpoint.after_copy"},
    {Failpoint::kBeforeRemove, "checkpoint.before_remove"},
    {Failpoint::kAfterRemove, "checkpoint.after_remove"},
};

struct Wanted {
  Wanted() {
    const char* text = std::getenv("TPSWEEP_FAILPOINT");
    if (text == nullptr) return;
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
    int count = 1;
    if (!parts.second.empty() && !absl::SimpleAtoi(parts.second, &count)) return;
    for (const FailpointName& entry : kNames) {
      if (entry.name == parts.first) at = &entry;
    }
    times_left = count;
  }
  const FailpointName* at = nullptr;
  std::atomic<int> times_left = 0;
};

}  // namespace

absl::Span<const FailpointName> Failpoints() { return kNames; }

void Reach(Failpoint at) {
  static Wanted wanted;
  if (wanted.at == nullptr || wanted.at->at != at) return;
  if (--wanted.times_left == 0) kill(getpid(), SIGKILL);
}

}  // namespace tpsweep
