// Data sets in memory: bytes as they were on disk, one copy for all runs of a
// worker. They become numbers only when a mini-batch is gathered.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "common/training/layer_shapes.h"

namespace tpsweep::trainer {

// Samples of `width` bytes, one after the other, and their classes.
struct Samples {
  std::vector<uint8_t> inputs;  // count * width
  std::vector<uint8_t> labels;  // count, each in [0, num_classes)
  int64_t count() const { return static_cast<int64_t>(labels.size()); }
};

struct DataSet {
  std::string name;
  MapShape shape;           // of an input; its size is n_0
  int64_t num_outputs = 0;  // n_L: classes
  // Whether the targets are classes; without classes there are no errors to count.
  bool is_classification = true;
  Samples train;
  Samples test;
  // "checksums are those of the published fashion-mnist", or why that cannot be said.
  std::string provenance;
  // A digest of all bytes: what a checkpoint compares to know its data again.
  std::string sha256;
};

// Loads each data set once and shares it. Thread-safe: who asks for a set that
// is being loaded waits for that one copy.
class DataSetCache {
 public:
  // Folders to look in, first match wins: DIR/NAME/train-images-idx3-ubyte[.gz],
  // or DIR itself if its last component is NAME. The test files begin with t10k
  // or test.
  explicit DataSetCache(std::vector<std::string> search_path);

  // kNotFound names the folders that were looked in; kInvalidArgument names
  // file, offset and reason of what is corrupt.
  absl::StatusOr<std::shared_ptr<const DataSet>> Get(absl::string_view name);

  // Names of the data sets on the search path (their files exist; not read).
  std::vector<std::string> Available() const;

 private:
  absl::StatusOr<std::shared_ptr<const DataSet>> LoadFromPath(const std::string& name) const;

  const std::vector<std::string> search_path_;
  Mutex mu_;
  CondVar loaded_or_failed_;
  // Null while somebody loads it.
  std::map<std::string, std::shared_ptr<const DataSet>> sets_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tpsweep::trainer
