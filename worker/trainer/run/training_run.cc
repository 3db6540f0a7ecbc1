#include "worker/trainer/run/training_run.h"

#include "common/status_macros.h"
#include "worker/trainer/run/batches.h"
#include "worker/trainer/run/state_file.h"
#include "worker/trainer/run/typed_run.h"

namespace tpsweep::trainer {
namespace {

// A run of no epochs, by which the service itself is measured: it has no state
// and loads no data.
class EmptyRun final : public TrainingRun {
 public:
  explicit EmptyRun(const v1::TrainingSpec& spec) : spec_(spec) {}

  Result Train(const std::function<void(const v1::Measurement&)>& report,
               const std::function<bool()>&, const std::function<void()>& epoch_done,
               const std::function<int()>&) override {
    v1::Measurement measurement;
    measurement.set_sequence(1);
    (*measurement.mutable_scalars())["seconds"] = 0;
    report(measurement);
    if (epoch_done) epoch_done();
    return {End::kCompleted, ""};
  }

  std::string Checkpoint() const override {
    SafetensorsFile file;
    WriteIdentity(spec_, "", file);
    return SerializeSafetensors(file);
  }

  absl::Status Restore(absl::string_view checkpoint) override {
    TP_ASSIGN_OR_RETURN(const SafetensorsFile file, ParseSafetensors(checkpoint, "checkpoint"));
    return CheckIdentity(file, spec_, "");
  }

  absl::Status Inherit(absl::string_view checkpoint) override {
    TP_ASSIGN_OR_RETURN(const SafetensorsFile file, ParseSafetensors(checkpoint, "checkpoint"));
    return CheckKinship(file, spec_, "");
  }

 private:
  const v1::TrainingSpec spec_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TrainingRun>> TrainingRun::Create(const v1::TrainingSpec& spec,
                                                                 DataSetCache& data) {
  if (spec.epochs() == 0) return std::make_unique<EmptyRun>(spec);
  TP_ASSIGN_OR_RETURN(std::shared_ptr<const DataSet> set, data.Get(spec.dataset()));
  TP_RETURN_IF_ERROR(CheckSpecFitsData(spec, *set));
  return spec.precision() == v1::PRECISION_FLOAT64 ? TypedRun<double>::Create(spec, std::move(set))
                                                   : TypedRun<float>::Create(spec, std::move(set));
}

}  // namespace tpsweep::trainer
