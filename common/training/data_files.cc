#include "common/training/data_files.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/training/known_data.h"

namespace tpsweep {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kCifarArchive = "cifar-10-batches-bin";

using Paths = std::optional<std::vector<std::string>>;

// The last component, also of "data/mnist/".
std::string LastComponent(const fs::path& folder) {
  return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
}

// The data set that a folder holds, if it holds one.
std::string NameOf(const fs::path& folder) {
  std::string name = LastComponent(folder);
  return name == kCifarArchive ? "cifar10" : name;
}

// All `names` of `folder`, each as it is or with .gz, where that is legal.
Paths FindAll(const fs::path& folder, const std::vector<std::string>& names, bool allow_gzip) {
  std::vector<std::string> paths;
  for (const std::string& name : names) {
    const auto exists = [&](absl::string_view ending) {
      const fs::path path = folder / absl::StrCat(name, ending);
      std::error_code ignored;
      if (!fs::is_regular_file(path, ignored)) return false;
      paths.push_back(path.string());
      return true;
    };
    if (!exists("") && !(allow_gzip && exists(".gz"))) return std::nullopt;
  }
  return paths;
}

Paths FindIdx(const fs::path& folder) {
  for (const std::string& prefix : {std::string(), absl::StrCat(LastComponent(folder), "-")}) {
    for (const char* test : {"t10k", "test"}) {
      Paths paths = FindAll(folder,
                            {absl::StrCat(prefix, "train-images-idx3-ubyte"),
                             absl::StrCat(prefix, "train-labels-idx1-ubyte"),
                             absl::StrCat(prefix, test, "-images-idx3-ubyte"),
                             absl::StrCat(prefix, test, "-labels-idx1-ubyte")},
                            /*allow_gzip=*/true);
      if (paths) return paths;
    }
  }
  return std::nullopt;
}

Paths FindCifar10(const fs::path& folder) {
  return FindAll(folder,
                 {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                  "data_batch_5.bin", "test_batch.bin"},
                 /*allow_gzip=*/true);
}

Paths FindNpy(const fs::path& folder) {
  return FindAll(folder, {"train_x.npy", "train_y.npy", "test_x.npy", "test_y.npy"},
                 /*allow_gzip=*/false);
}

Paths FindNpz(const fs::path& folder) {
  for (const std::string& stem : {LastComponent(folder), std::string("data")}) {
    Paths paths = FindAll(folder, {absl::StrCat(stem, ".npz")}, /*allow_gzip=*/false);
    if (paths) return paths;
  }
  return std::nullopt;
}

Paths FindCsv(const fs::path& folder) {
  return FindAll(folder, {"train.csv", "test.csv"}, /*allow_gzip=*/false);
}

struct Layout {
  DataFormat format;
  const char* name;
  Paths (*find)(const fs::path& folder);
  const char* files;
};
// The first that a folder has holds.
constexpr Layout kLayouts[] = {
    {DataFormat::kIdx, "IDX", &FindIdx,
     "[NAME-]train-images-idx3-ubyte, [NAME-]train-labels-idx1-ubyte and the same for t10k or "
     "test, plain or .gz"},
    {DataFormat::kCifar10, "CIFAR-10 binary", &FindCifar10,
     "data_batch_1.bin to data_batch_5.bin and test_batch.bin, plain or .gz"},
    {DataFormat::kNpy, "NumPy .npy", &FindNpy,
     "train_x.npy, train_y.npy, test_x.npy and test_y.npy"},
    {DataFormat::kNpz, "NumPy .npz", &FindNpz,
     "NAME.npz or data.npz with the arrays train_x, train_y, test_x and test_y"},
    {DataFormat::kCsv, "CSV", &FindCsv, "train.csv and test.csv"},
};

std::optional<DataFiles> FindIn(const fs::path& folder) {
  for (const Layout& layout : kLayouts) {
    if (Paths paths = layout.find(folder)) {
      return DataFiles{layout.format, folder.string(), *std::move(paths)};
    }
  }
  return std::nullopt;
}

// Without a slash at the end, which would leave no last component.
fs::path WithoutSlash(const std::string& dir) { return (fs::path(dir) / "").parent_path(); }

}  // namespace

std::string ToText(const DataFiles& files) {
  const auto layout = std::find_if(std::begin(kLayouts), std::end(kLayouts),
                                   [&](const Layout& row) { return row.format == files.format; });
  const bool is_packed =
      std::any_of(files.paths.begin(), files.paths.end(),
                  [](const std::string& path) { return absl::EndsWith(path, ".gz"); });
  return absl::StrCat(layout->name, is_packed ? ", gzip" : "");
}

std::string DataLayouts() {
  return absl::StrJoin(kLayouts, "; ", [](std::string* out, const Layout& layout) {
    absl::StrAppend(out, layout.name, " (", layout.files, ")");
  });
}

bool IsLegalDataSetName(absl::string_view name) {
  return !name.empty() && absl::ascii_isalnum(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("_.-", c);
         });
}

std::optional<DataFiles> FindDataSet(absl::Span<const std::string> search_path,
                                     absl::string_view name) {
  for (const std::string& dir : search_path) {
    const fs::path whole = WithoutSlash(dir);
    std::vector<fs::path> folders = {whole / std::string(name)};
    if (name == "cifar10") folders.push_back(whole / std::string(kCifarArchive));
    folders.push_back(whole);
    for (const fs::path& folder : folders) {
      if (NameOf(folder) != name) continue;
      if (std::optional<DataFiles> files = FindIn(folder)) return files;
    }
  }
  return std::nullopt;
}

std::map<std::string, DataFiles> ListDataSets(absl::Span<const std::string> search_path) {
  std::map<std::string, DataFiles> sets;
  for (const std::string& dir : search_path) {
    std::vector<fs::path> folders = {WithoutSlash(dir)};
    std::error_code error;
    for (fs::directory_iterator entry(dir, error), end; !error && entry != end;
         entry.increment(error)) {
      folders.push_back(entry->path());
    }
    for (const fs::path& folder : folders) {
      const std::string name = NameOf(folder);
      if (!IsLegalDataSetName(name) || IsGenerated(name) || sets.contains(name)) continue;
      // Of two folders with one name, that which a search by the name finds.
      if (!FindIn(folder)) continue;
      if (std::optional<DataFiles> files = FindDataSet(search_path, name)) {
        sets.emplace(name, *std::move(files));
      }
    }
  }
  return sets;
}

}  // namespace tpsweep
