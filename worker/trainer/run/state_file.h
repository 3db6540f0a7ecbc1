// The state of a run as tensors of a safetensors file. The run names its state
// once, in a function that a visitor goes through (StateWriter, StateChecker,
// StateReader), so that what is written is what is read.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Who may go on from a checkpoint: a run of the same spec, except for its number
// of epochs and threads and, without a damping search, what it measures, on the same
// data (a digest).
void WriteIdentity(const v1::TrainingSpec& spec, absl::string_view data_sha256,
                   SafetensorsFile& file);
// kInvalidArgument says what differs.
absl::Status CheckIdentity(const SafetensorsFile& file, const v1::TrainingSpec& spec,
                           absl::string_view data_sha256);

// The same for a run that inherits the state: real numbers of its spec may be others, too.
absl::Status CheckKinship(const SafetensorsFile& file, const v1::TrainingSpec& spec,
                          absl::string_view data_sha256);

class StateWriter {
 public:
  explicit StateWriter(SafetensorsFile& file) : file_(file) {}
  void operator()(absl::string_view name, const Matrix<float>& value);
  void operator()(absl::string_view name, const Matrix<double>& value);
  void operator()(absl::string_view name, const std::vector<double>& value);
  void operator()(absl::string_view name, double value);
  void operator()(absl::string_view name, int64_t value);

 private:
  SafetensorsFile& file_;
};

// Checks that the file has every tensor, with the type and shape that the state
// has now, and no other. Changes nothing.
class StateChecker {
 public:
  explicit StateChecker(const SafetensorsFile& file) : file_(file) {}
  void operator()(absl::string_view name, const Matrix<float>& value);
  void operator()(absl::string_view name, const Matrix<double>& value);
  void operator()(absl::string_view name, const std::vector<double>& value);
  void operator()(absl::string_view name, double value);
  void operator()(absl::string_view name, int64_t value);

  // The first thing that is wrong so far.
  const absl::Status& status() const { return status_; }
  // The same, once everything was visited.
  absl::Status Finish();

 private:
  void Expect(absl::string_view name, TensorType type, const std::vector<int64_t>& shape);

  const SafetensorsFile& file_;
  std::set<std::string> expected_;
  absl::Status status_;
};

// Takes the values of a file that StateChecker found good.
class StateReader {
 public:
  explicit StateReader(const SafetensorsFile& file) : file_(file) {}
  void operator()(absl::string_view name, Matrix<float>& value);
  void operator()(absl::string_view name, Matrix<double>& value);
  void operator()(absl::string_view name, std::vector<double>& value);
  void operator()(absl::string_view name, double& value);
  void operator()(absl::string_view name, int64_t& value);

 private:
  const std::string& DataOf(absl::string_view name) const;

  const SafetensorsFile& file_;
};

}  // namespace tpsweep::trainer
