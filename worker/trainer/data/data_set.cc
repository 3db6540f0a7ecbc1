#include "worker/trainer/data/data_set.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "common/training/data_files.h"
#include "common/training/known_data.h"
#include "worker/trainer/data/generated.h"
#include "worker/trainer/data/load_files.h"

namespace tpsweep::trainer {
namespace {

// What decides the content: of sets in files the name alone, of the generated ones
// also their parameters and the number of validation samples.
std::string KeyOf(const v1::Dataset& spec) {
  if (GeneratorField(spec).empty()) return spec.name();
  v1::Dataset key = spec;
  key.clear_normalisation();
  key.clear_train_samples();
  key.clear_test_samples();
  key.clear_targets();
  return key.SerializeAsString();
}

}  // namespace

DataSetCache::DataSetCache(std::vector<std::string> search_path)
    : search_path_(std::move(search_path)) {}

absl::StatusOr<std::shared_ptr<const DataSet>> DataSetCache::Get(const v1::Dataset& spec) {
  const std::string key = KeyOf(spec);
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
  auto loaded = Load(spec);
  MutexLock lock(mu_);
  if (loaded.ok()) {
    sets_[key] = *loaded;
  } else {
    sets_.erase(key);
  }
  loaded_or_failed_.NotifyAll();
  return loaded;
}

absl::StatusOr<std::shared_ptr<const DataSet>> DataSetCache::Load(const v1::Dataset& spec) const {
  const std::string& name = spec.name();
  if (!IsLegalDataSetName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dataset.name: '", absl::CHexEscape(name), "' is not a legal name"));
  }
  if (!GeneratorField(spec).empty()) return MakeGenerated(spec);
  if (const std::optional<DataFiles> files = FindDataSet(search_path_, name)) {
    return LoadFiles(name, *files);
  }
  return absl::NotFoundError(absl::StrCat(
      "data set '", name, "' was not found; looked in ",
      search_path_.empty() ? "no folder: the search path is empty"
                           : absl::StrCat(absl::StrJoin(search_path_, ", "), " for a folder ", name,
                                          " with ", DataLayouts())));
}

std::vector<std::string> DataSetCache::Available() const {
  std::vector<std::string> names = GeneratedNames();
  for (const auto& [name, files] : ListDataSets(search_path_)) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tpsweep::trainer
