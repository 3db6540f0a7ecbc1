// The bytes of checkpoints. What they are, and which are still of use, is in the
// records of the runs (store.h); here they are only kept: whole, or not at all.
//
// Thread-safe. Errors: kUnavailable when the medium cannot be read or written, with
// the reason.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/names.h"

namespace tpsweep::server {

struct CheckpointName {
  RunName run;
  std::string sha256;  // of the bytes
  friend auto operator<=>(const CheckpointName&, const CheckpointName&) = default;
};

struct StoredCheckpoint {
  CheckpointName name;
  int64_t bytes = 0;
};

class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;

  // Bytes on their way into the store. Without a Finish that has returned OK,
  // nothing of them stays.
  class Upload {
   public:
    virtual ~Upload() = default;
    virtual absl::Status Append(absl::string_view bytes) = 0;
    // Returns only when they would survive a loss of power.
    virtual absl::Status Finish() = 0;
  };
  // The caller has made sure that `name.sha256` is a digest, and checks the bytes
  // against it before Finish.
  virtual absl::StatusOr<std::unique_ptr<Upload>> Put(const CheckpointName& name) = 0;

  // At most `size` bytes from `offset`; fewer only at the end. kNotFound.
  virtual absl::StatusOr<std::string> Read(const CheckpointName& name, int64_t offset,
                                           int64_t size) const = 0;

  // Puts the bytes of `from` also under the name `to`, another run's of the same study;
  // each is removed for itself. Durable if OK, and OK again if it is done again. kNotFound.
  virtual absl::Status Copy(const CheckpointName& from, const CheckpointName& to) = 0;

  // OK also if it is not there.
  virtual absl::Status Remove(const CheckpointName& name) = 0;

  // All that are there, whole, in order of name.
  virtual absl::StatusOr<std::vector<StoredCheckpoint>> List() const = 0;
};

}  // namespace tpsweep::server
