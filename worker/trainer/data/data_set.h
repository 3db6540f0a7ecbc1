// Data sets in memory: inputs as compact as they were on disk, one copy for all runs
// of a worker. Bytes become numbers only when a mini-batch is gathered.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "common/training/layer_shapes.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep::trainer {

// Pixel bytes, which are normalised, or numbers, which are used as they are: float
// if that holds each of them exactly.
using Inputs = std::variant<std::vector<uint8_t>, std::vector<float>, std::vector<double>>;

struct Samples {
  Inputs inputs;                // count * n_0, one sample after the other
  std::vector<int32_t> labels;  // classification: count, each in [0, n_L)
  std::vector<double> targets;  // regression: count * target_width
  int64_t target_width = 0;     // regression: n_L; else 0

  int64_t count() const {
    return static_cast<int64_t>(
        target_width == 0 ? labels.size() : targets.size() / static_cast<size_t>(target_width));
  }
};

struct DataSet {
  std::string name;
  MapShape shape;           // of an input; its size is n_0
  int64_t num_outputs = 0;  // n_L: classes, or real-valued targets
  bool is_classification = true;
  // The label of each class as it is in the files: class i is the i-th smallest label
  // of the training samples. Empty for regression.
  std::vector<int64_t> class_labels;
  Samples train;
  Samples test;
  // "checksums are those of the published fashion-mnist", or why that cannot be said.
  std::string provenance;
  // A digest of all bytes: what a checkpoint compares to know its data again.
  std::string sha256;
};

// Loads or makes each data set once and shares it. Thread-safe: who asks for a set
// that is being loaded waits for that one copy.
class DataSetCache {
 public:
  // Folders to look in (common/training/data_files.h says for what).
  explicit DataSetCache(std::vector<std::string> search_path);

  // `spec` is complete. kNotFound names the folders and files that were looked for;
  // kInvalidArgument names file, place and reason of what is corrupt.
  absl::StatusOr<std::shared_ptr<const DataSet>> Get(const v1::Dataset& spec);

  // Names of the data sets on the search path (their files exist; not read) and of
  // the generated one.
  std::vector<std::string> Available() const;

 private:
  absl::StatusOr<std::shared_ptr<const DataSet>> Load(const v1::Dataset& spec) const;

  const std::vector<std::string> search_path_;
  Mutex mu_;
  CondVar loaded_or_failed_;
  // By KeyOf(spec). Null while somebody loads it.
  std::map<std::string, std::shared_ptr<const DataSet>> sets_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tpsweep::trainer
