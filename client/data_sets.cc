#include "client/data_sets.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tpsweep::client {
namespace {

namespace fs = std::filesystem;

// Of the training and of the test samples; a test file may begin with either name.
constexpr const char* kParts[] = {"images-idx3-ubyte", "labels-idx1-ubyte"};

struct KnownSet {
  const char* name;
  const char* how_to_get;
};
constexpr KnownSet kKnownSets[] = {
    {"fashion-mnist", "not found; Debian has it: apt install dataset-fashion-mnist"},
    {"mnist",
     "not found; put its four IDX files into a folder mnist and name the folder above it "
     "with --data or TPSWEEP_DATA"},
};

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool HasFile(const fs::path& folder, absl::string_view name, bool allow_gzip) {
  return Exists(folder / std::string(name)) ||
         (allow_gzip && Exists(folder / absl::StrCat(name, ".gz")));
}

bool HasAllFiles(const fs::path& folder, bool allow_gzip) {
  return std::all_of(std::begin(kParts), std::end(kParts), [&](const char* part) {
    return HasFile(folder, absl::StrCat("train-", part), allow_gzip) &&
           (HasFile(folder, absl::StrCat("t10k-", part), allow_gzip) ||
            HasFile(folder, absl::StrCat("test-", part), allow_gzip));
  });
}

// `dir` itself, which may be a data set, and the folders in it, by name.
std::vector<fs::path> Candidates(const std::string& dir) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator entry(dir, error), end; !error && entry != end;
       entry.increment(error)) {
    folders.push_back(entry->path());
  }
  std::sort(folders.begin(), folders.end());
  // Without a slash at the end, which would leave no last component.
  const fs::path whole = fs::path(dir) / "";
  folders.push_back(whole.parent_path());
  return folders;
}

}  // namespace

std::vector<DataSetFolder> FindDataSets(absl::Span<const std::string> search_path) {
  std::vector<DataSetFolder> found;
  const auto is_found = [&](const std::string& name) {
    return std::any_of(found.begin(), found.end(),
                       [&](const DataSetFolder& set) { return set.name == name; });
  };
  for (const std::string& dir : search_path) {
    for (const fs::path& folder : Candidates(dir)) {
      if (is_found(folder.filename()) || !HasAllFiles(folder, true)) continue;
      found.push_back({folder.filename(), folder, HasAllFiles(folder, false) ? "plain" : "gzip"});
    }
  }
  for (const KnownSet& set : kKnownSets) {
    if (!is_found(set.name)) found.push_back({set.name, "", set.how_to_get});
  }
  return found;
}

}  // namespace tpsweep::client
