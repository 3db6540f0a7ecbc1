#include "worker/preset_training.h"

#include "absl/strings/str_cat.h"
#include "common/spec/validate.h"
#include "common/spec/yaml.h"
#include "common/status_macros.h"
#include "presets/presets.h"

namespace tpsweep {

absl::StatusOr<v1::TrainingSpec> PresetTraining(const std::string& name) {
  for (const presets::File& file : presets::Presets()) {
    if (file.name != name) continue;
    TP_ASSIGN_OR_RETURN(const v1::StudySpec study, spec::ParseAndCompleteStudy(file.text, name));
    v1::TrainingSpec training = study.training();
    training.set_seed(study.search().seed());
    TP_RETURN_IF_ERROR(spec::Complete(training));
    return training;
  }
  return absl::NotFoundError(absl::StrCat("there is no preset ", name));
}

}  // namespace tpsweep
