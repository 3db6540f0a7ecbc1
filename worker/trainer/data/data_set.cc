#include "worker/trainer/data/data_set.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/status_macros.h"
#include "worker/trainer/data/idx.h"

namespace tpsweep::trainer {
namespace {

namespace fs = std::filesystem;

// Train images, train labels, test images, test labels.
using FourPaths = std::array<std::string, 4>;
using FourDigests = std::array<absl::string_view, 4>;

// SHA-256 of the unpacked files.
struct KnownSet {
  absl::string_view name;
  FourDigests sha256;
};
constexpr KnownSet kKnownSets[] = {
    {"mnist",
     {"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
      "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
      "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
      "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}},
    {"fashion-mnist",
     {"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
      "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
      "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
      "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}},
};

std::optional<std::string> FindFile(const fs::path& folder, absl::string_view stem) {
  for (const char* ending : {"", ".gz"}) {
    const fs::path path = folder / absl::StrCat(stem, ending);
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  return std::nullopt;
}

// The four files in `folder`, if they are all there.
std::optional<FourPaths> FindFour(const fs::path& folder) {
  for (const char* test : {"t10k", "test"}) {
    auto train_images = FindFile(folder, "train-images-idx3-ubyte");
    auto train_labels = FindFile(folder, "train-labels-idx1-ubyte");
    auto test_images = FindFile(folder, absl::StrCat(test, "-images-idx3-ubyte"));
    auto test_labels = FindFile(folder, absl::StrCat(test, "-labels-idx1-ubyte"));
    if (train_images && train_labels && test_images && test_labels) {
      return FourPaths{*std::move(train_images), *std::move(train_labels), *std::move(test_images),
                       *std::move(test_labels)};
    }
  }
  return std::nullopt;
}

// The last component, also of "data/mnist/".
std::string LastComponent(const fs::path& folder) {
  return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
}

// Names come with specs: they must not lead out of the search path.
bool IsLegalName(absl::string_view name) {
  return !name.empty() && absl::ascii_isalnum(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  absl::string_view("_.-").find(c) != absl::string_view::npos;
         });
}

absl::StatusOr<IdxArray> ReadIdx(const std::string& path) {
  TP_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  return ParseIdx(bytes, path);
}

// One half of a data set: images and labels that belong together.
struct Half {
  Samples samples;
  MapShape shape;
  std::string images_sha256, labels_sha256;
};

absl::StatusOr<Half> ReadHalf(const std::string& images_path, const std::string& labels_path) {
  TP_ASSIGN_OR_RETURN(IdxArray images, ReadIdx(images_path));
  TP_ASSIGN_OR_RETURN(IdxArray labels, ReadIdx(labels_path));
  if (images.shape.size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(images_path, ": offset 3: images need 2 dimensions or more, not 1"));
  }
  if (labels.shape.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        labels_path, ": offset 3: labels need 1 dimension, not ", labels.shape.size()));
  }
  if (images.shape[0] != labels.shape[0]) {
    return absl::InvalidArgumentError(absl::StrCat(labels_path, ": offset 4: ", labels.shape[0],
                                                   " labels, but ", images_path, " has ",
                                                   images.shape[0], " images"));
  }
  Half half;
  const int64_t width = static_cast<int64_t>(images.values.size()) / images.shape[0];
  half.shape = images.shape.size() == 3 ? MapShape{1, images.shape[1], images.shape[2]}
                                        : MapShape{width, 1, 1};
  half.images_sha256 = std::move(images.sha256);
  half.labels_sha256 = std::move(labels.sha256);
  half.samples.inputs = std::move(images.values);
  half.samples.labels = std::move(labels.values);
  return half;
}

std::string Provenance(absl::string_view name, const FourDigests& sha256) {
  for (const KnownSet& known : kKnownSets) {
    if (known.name != name) continue;
    return known.sha256 == sha256 ? absl::StrCat("checksums are those of the published ", name)
                                  : absl::StrCat("checksums are not those of the published ", name);
  }
  return "no published checksums are known for this name";
}

std::string Sha256Hex(absl::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

absl::StatusOr<std::shared_ptr<const DataSet>> Load(absl::string_view name,
                                                    const FourPaths& paths) {
  TP_ASSIGN_OR_RETURN(Half train, ReadHalf(paths[0], paths[1]));
  TP_ASSIGN_OR_RETURN(Half test, ReadHalf(paths[2], paths[3]));
  if (train.shape.size() != test.shape.size()) {
    return absl::InvalidArgumentError(absl::StrCat(paths[2], ": offset 4: images of ",
                                                   test.shape.size(), " bytes, but ", paths[0],
                                                   " has images of ", train.shape.size()));
  }
  const auto& classes = train.samples.labels;
  const int num_classes = *std::max_element(classes.begin(), classes.end()) + 1;
  const auto& labels = test.samples.labels;
  const auto bad = std::find_if(labels.begin(), labels.end(),
                                [num_classes](uint8_t label) { return label >= num_classes; });
  if (bad != labels.end()) {
    constexpr int64_t kLabelsStart = 8;
    const int64_t index = bad - labels.begin();
    return absl::InvalidArgumentError(
        absl::StrCat(paths[3], ": offset ", kLabelsStart + index, ": label ", *bad, " of sample ",
                     index, ", but the training labels only go up to ", num_classes - 1));
  }

  auto set = std::make_shared<DataSet>();
  set->name = std::string(name);
  set->shape = train.shape;
  set->num_outputs = num_classes;
  const FourDigests digests = {train.images_sha256, train.labels_sha256, test.images_sha256,
                               test.labels_sha256};
  set->provenance = Provenance(name, digests);
  set->sha256 = Sha256Hex(absl::StrJoin(digests, "\n"));
  set->train = std::move(train.samples);
  set->test = std::move(test.samples);
  return set;
}

}  // namespace

DataSetCache::DataSetCache(std::vector<std::string> search_path)
    : search_path_(std::move(search_path)) {}

absl::StatusOr<std::shared_ptr<const DataSet>> DataSetCache::Get(absl::string_view name) {
  const std::string key(name);
  {
    MutexLock lock(mu_);
    for (;;) {
      const auto found = sets_.find(key);
      if (found == sets_.end()) break;
      if (found->second != nullptr) return found->second;
      loaded_or_failed_.Wait(mu_);
    }
    sets_[key] = nullptr;
  }
  auto loaded = LoadFromPath(key);
  MutexLock lock(mu_);
  if (loaded.ok()) {
    sets_[key] = *loaded;
  } else {
    sets_.erase(key);
  }
  loaded_or_failed_.NotifyAll();
  return loaded;
}

absl::StatusOr<std::shared_ptr<const DataSet>> DataSetCache::LoadFromPath(
    const std::string& name) const {
  if (!IsLegalName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dataset.name: '", absl::CHexEscape(name), "' is not a legal name"));
  }
  for (const std::string& folder : search_path_) {
    const fs::path path(folder);
    auto four = FindFour(path / name);
    if (!four && LastComponent(path) == name) four = FindFour(path);
    if (four) return Load(name, *four);
  }
  return absl::NotFoundError(
      absl::StrCat("data set '", name, "' was not found; looked for its four IDX files in ",
                   search_path_.empty() ? "no folder: the search path is empty"
                                        : absl::StrJoin(search_path_, ", ")));
}

std::vector<std::string> DataSetCache::Available() const {
  std::set<std::string> names;
  for (const std::string& folder : search_path_) {
    const fs::path path(folder);
    if (IsLegalName(LastComponent(path)) && FindFour(path)) names.insert(LastComponent(path));
    std::error_code ignored;
    for (fs::directory_iterator it(path, ignored), end; it != end; it.increment(ignored)) {
      const std::string name = it->path().filename().string();
      if (IsLegalName(name) && FindFour(it->path())) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace tpsweep::trainer
