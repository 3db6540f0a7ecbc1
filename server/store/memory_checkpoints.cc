#include "server/store/memory_checkpoints.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tpsweep::server {

class MemoryCheckpoints::MemoryUpload final : public Upload {
 public:
  MemoryUpload(MemoryCheckpoints& store, CheckpointName name)
      : store_(store), name_(std::move(name)) {}
  absl::Status Append(absl::string_view bytes) override {
    absl::StrAppend(&bytes_, bytes);
    return absl::OkStatus();
  }
  absl::Status Finish() override {
    MutexLock lock(store_.mu_);
    store_.bytes_[name_] = std::move(bytes_);
    return absl::OkStatus();
  }

 private:
  MemoryCheckpoints& store_;
  const CheckpointName name_;
  std::string bytes_;
};

absl::StatusOr<std::unique_ptr<CheckpointStore::Upload>> MemoryCheckpoints::Put(
    const CheckpointName& name) {
  return std::make_unique<MemoryUpload>(*this, name);
}

absl::StatusOr<std::string> MemoryCheckpoints::Read(const CheckpointName& name, int64_t offset,
                                                    int64_t size) const {
  MutexLock lock(mu_);
  const auto found = bytes_.find(name);
  if (found == bytes_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no checkpoint ", name.sha256));
  }
  if (offset >= static_cast<int64_t>(found->second.size())) return std::string();
  return found->second.substr(static_cast<size_t>(offset), static_cast<size_t>(size));
}

absl::Status MemoryCheckpoints::Copy(const CheckpointName& from, const CheckpointName& to) {
  MutexLock lock(mu_);
  const auto found = bytes_.find(from);
  if (found == bytes_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no checkpoint ", from.sha256));
  }
  std::string bytes = found->second;
  bytes_[to] = std::move(bytes);
  return absl::OkStatus();
}

absl::Status MemoryCheckpoints::Remove(const CheckpointName& name) {
  MutexLock lock(mu_);
  bytes_.erase(name);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StoredCheckpoint>> MemoryCheckpoints::List() const {
  MutexLock lock(mu_);
  std::vector<StoredCheckpoint> stored;
  for (const auto& [name, bytes] : bytes_) {
    stored.push_back({name, static_cast<int64_t>(bytes.size())});
  }
  return stored;
}

}  // namespace tpsweep::server
