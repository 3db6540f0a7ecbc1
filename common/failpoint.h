// Places before and after the durable steps, where a process can be made to die, so that
// tests see what survives. Without TPSWEEP_FAILPOINT in the environment they do nothing.
//
//   TPSWEEP_FAILPOINT=store.after_commit:3    dies as of kill -9 when it is there the third time
#pragma once

#include "absl/types/span.h"

namespace tpsweep {

enum class Failpoint {
  kBeforeCommit,  // of a group of records, to any store
  kAfterCommit,   // nobody has heard of it
  kAfterAnswers,  // all have
  kBeforeRename,  // a file that appears whole (common/file.h) is durable under another name
  kAfterRename,   // it has its name, but its folder may not be durable
  kBeforeAppend,  // to a file
  kAfterAppend,   // not durable yet
  kAfterUpload,   // a checkpoint is durable, and the coordinator does not know
  kBeforeCopy,    // of a checkpoint whose record is durable
  kAfterCopy,     // nobody has heard of it
  kBeforeRemove,  // of a checkpoint that no record names
  kAfterRemove,
};

struct FailpointName {
  Failpoint at;
  const char* name;
};
// All of them.
absl::Span<const FailpointName> Failpoints();

// Dies, if that is what the environment wants here.
void Reach(Failpoint at);

}  // namespace tpsweep
