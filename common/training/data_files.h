// Which files make a data set, and where they are looked for: what workers load and
// what the client lists. By a look at the folders alone; no file is read.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tpsweep {

enum class DataFormat { kIdx, kCifar10, kNpy, kNpz, kCsv };

struct DataFiles {
  DataFormat format = DataFormat::kIdx;
  std::string folder;
  // kIdx: train images, train labels, test images, test labels; kNpy: the same;
  // kCifar10: data_batch_1..5, test_batch; kNpz: one; kCsv: train, test.
  std::vector<std::string> paths;
};

// "IDX, gzip"
std::string ToText(const DataFiles& files);

// What the folder of a data set may hold, for messages: one layout after the other.
std::string DataLayouts();

// Names come with specs: they must not lead out of the search path.
bool IsLegalDataSetName(absl::string_view name);

// The files of the data set `name`: in DIR/NAME, or in DIR itself if its last
// component is NAME, of the first DIR of `search_path` that has them; within a
// folder, of the first format. cifar10 may also lie in cifar-10-batches-bin, the
// folder of its archive. `name` is legal.
std::optional<DataFiles> FindDataSet(absl::Span<const std::string> search_path,
                                     absl::string_view name);

// Every data set on the search path, by name.
std::map<std::string, DataFiles> ListDataSets(absl::Span<const std::string> search_path);

}  // namespace tpsweep
