// One run, from its spec to its last measurement: what the agent and the
// commands `train` and `bench` hold.
//
// The measurement of an epoch. Scalars:
//   train/loss, train/error            over the training samples, each before the
//                                      update from its mini-batch
//   validation/loss, validation/error  after the epoch; absent without validation set
//   test/loss, test/error              after the epoch
//   train/error_batch_mean, validation/..., test/...
//                                      mean over mini-batches of the error in each
//   selected/epoch                     the epoch with the smallest validation error so
//                                      far (the first such); by validation loss where
//                                      there are no errors; absent without validation set
//   selected/train_loss, _error, selected/validation_..., selected/test_...
//                                      what was reported at that epoch
//   best/test_error, best/train_error, best/train_loss
//                                      the smallest so far
//   feedback/loss                      mean over the feedback paths and the epoch's
//                                      training mini-batches; absent if none learns
//   seconds                            of training, forward and feedback, without evaluation
//   samples_per_second                 training samples over `seconds`
// Losses are exact means over samples, errors are fractions (absent where the targets
// are real values, which have no classes). Vectors have one
// entry a layer, not-a-number where a layer has no such thing:
//   layer/parameter_norm               Frobenius norm of W[l]
//   layer/update_norm                  of the change of W[l] in the epoch's last step
//   layer/target_norm                  root mean square, over the samples of the epoch's
//                                      last mini-batch, of |T[l]|; absent for rules without
//   layer/feedback_loss                of the path that reconstructs h[l]
// Where measure of the spec asks for it, the measurements of single mini-batches stand
// between them (worker/trainer/measure): vectors only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tpsweep/v1/measurement.pb.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/data/data_set.h"

namespace tpsweep::trainer {

// Not thread-safe; independent runs may train side by side on one DataSetCache.
class TrainingRun {
 public:
  enum class End {
    kCompleted,   // all epochs are done
    kStopped,     // `stop` said so; Checkpoint() is where to go on
    kInfeasible,  // a loss or a parameter is no longer finite (the message says where),
                  // or the run is hopeless; its last epoch is reported then
  };
  struct Result {
    End end;
    std::string message;
  };

  // `spec` is complete and legal (common/spec/validate.h). Loads the data set
  // through `data`, which must outlive the run. An error if the data cannot be
  // read or the spec does not fit it (validation larger than the training set).
  static absl::StatusOr<std::unique_ptr<TrainingRun>> Create(const v1::TrainingSpec& spec,
                                                             DataSetCache& data);
  virtual ~TrainingRun() = default;

  // Trains until the end. `report` gets one measurement an epoch, and those of single
  // mini-batches between them, the epoch's last (sequence 1, 2, ... going on after a
  // Restore). `stop` is asked before every mini-batch.
  // With `epoch_done`, it is called after each epoch's report; Checkpoint() may be called in it.
  // Where the spec leaves the number of threads open (threads_per_run 0), `threads` is asked
  // for it before every mini-batch; without it there is one for each core.
  virtual Result Train(const std::function<void(const v1::Measurement&)>& report,
                       const std::function<bool()>& stop,
                       const std::function<void()>& epoch_done = {},
                       const std::function<int()>& threads = {}) = 0;

  // The complete state as a safetensors file: parameters, both optimisers, the
  // rule's state, and the position (epoch, step) from which all random numbers
  // follow. Legal between mini-batches.
  virtual std::string Checkpoint() const = 0;

  // Goes on from a checkpoint of a run with the same spec; ends in the same bits
  // as a run that was never stopped. kInvalidArgument if it is not whole, or of
  // another spec: says what differs.
  virtual absl::Status Restore(absl::string_view checkpoint) = 0;

  // Goes on from a checkpoint of a run whose spec may have other real numbers (learning
  // rates, noise, weight decay): those of this run hold from there on. Errors as above.
  virtual absl::Status Inherit(absl::string_view checkpoint) = 0;
};

}  // namespace tpsweep::trainer
