#include "server/store/folder_checkpoints.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/file.h"
#include "common/sha256.h"

namespace tpsweep::server {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kSuffix = ".safetensors";
constexpr int kMaxAttempts = 100;

class FileUpload final : public CheckpointStore::Upload {
 public:
  explicit FileUpload(AtomicFile file) : file_(std::move(file)) {}
  absl::Status Append(absl::string_view bytes) override { return file_.Append(bytes); }
  absl::Status Finish() override { return file_.Commit(); }

 private:
  AtomicFile file_;
};

absl::Status Failed(absl::string_view what, const fs::path& path, const std::error_code& error) {
  return absl::UnavailableError(
      absl::StrCat(path.string(), ": cannot ", what, ": ", error.message()));
}

// Of a file in the folder of `study`; nothing for other files.
std::optional<CheckpointName> Parse(const std::string& study, absl::string_view file) {
  if (!absl::ConsumeSuffix(&file, kSuffix)) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(file, '-');
  if (parts.size() != 3 || !IsSha256(parts[2])) return std::nullopt;
  const auto run =
      ParseRunName(absl::StrCat("studies/", study, "/trials/", parts[0], "/runs/", parts[1]));
  if (!run.ok()) return std::nullopt;
  return CheckpointName{*run, parts[2]};
}

}  // namespace

absl::StatusOr<std::unique_ptr<FolderCheckpoints>> FolderCheckpoints::Open(
    const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Failed("create", folder, error);
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (absl::EndsWith(it->path().string(), ".tmp")) fs::remove(it->path(), error);
  }
  if (error) return Failed("read", folder, error);
  return std::unique_ptr<FolderCheckpoints>(new FolderCheckpoints(folder));
}

std::string FolderCheckpoints::PathOf(const CheckpointName& name) const {
  return absl::StrCat(folder_, "/", name.run.study, "/", name.run.trial, "-", name.run.replicate,
                      "-", name.sha256, kSuffix);
}

absl::StatusOr<std::unique_ptr<CheckpointStore::Upload>> FolderCheckpoints::Put(
    const CheckpointName& name) {
  const std::string path = PathOf(name);
  const fs::path study = fs::path(path).parent_path();
  // Whoever removes the last checkpoint of a study takes its folder away, perhaps before ours is in
  // it: then the folder is made again.
  absl::Status gone;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    std::error_code error;
    fs::create_directories(study, error);
    if (error) return Failed("create", study, error);
    absl::StatusOr<AtomicFile> file = AtomicFile::Create(path);
    if (file.ok()) return std::make_unique<FileUpload>(*std::move(file));
    if (!absl::IsNotFound(file.status())) return file.status();
    gone = file.status();
  }
  return absl::UnavailableError(gone.message());
}

absl::StatusOr<std::string> FolderCheckpoints::Read(const CheckpointName& name, int64_t offset,
                                                    int64_t size) const {
  return ReadFileRange(PathOf(name), offset, size);
}

absl::Status FolderCheckpoints::Copy(const CheckpointName& from, const CheckpointName& to) {
  return CopyFile(PathOf(from), PathOf(to));  // in the folder of one study
}

absl::Status FolderCheckpoints::Remove(const CheckpointName& name) {
  const fs::path path = PathOf(name);
  std::error_code error;
  fs::remove(path, error);
  if (error) return Failed("remove", path, error);
  fs::remove(path.parent_path(), error);  // only if it is empty now
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StoredCheckpoint>> FolderCheckpoints::List() const {
  std::vector<StoredCheckpoint> stored;
  std::error_code error;
  for (fs::directory_iterator studies(folder_, error), end; !error && studies != end;
       studies.increment(error)) {
    if (!studies->is_directory(error) || error) continue;
    const std::string study = studies->path().filename().string();
    for (fs::directory_iterator files(studies->path(), error); !error && files != end;
         files.increment(error)) {
      const auto name = Parse(study, files->path().filename().string());
      if (!name) continue;
      const auto bytes = static_cast<int64_t>(files->file_size(error));
      if (!error) stored.push_back({*name, bytes});
    }
  }
  if (error) return Failed("read", folder_, error);
  std::sort(stored.begin(), stored.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return stored;
}

}  // namespace tpsweep::server
