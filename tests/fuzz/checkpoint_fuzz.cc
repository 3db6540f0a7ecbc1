// A run refuses a checkpoint and stays as it was, or takes it, says the same
// state back and trains on to an orderly end.
//
// The input is a recipe, so that the corpus outlives changes of the format: its
// first byte chooses what is damaged (0: nothing, the rest is the checkpoint; 1:
// a checkpoint between epochs; otherwise one within a step), and each 4 bytes
// that follow flip bits of one byte of it.
#include <string>

#include "tests/fakes/synthetic_idx.h"
#include "tests/fakes/training_specs.h"
#include "tests/fuzz/property.h"
#include "worker/trainer/run/training_run.h"

namespace tpsweep::trainer {
namespace {

class Fixture {
 public:
  Fixture() : cache_({folder_.path()}), spec_(SmallSpec("dtp")) {
    WriteSyntheticIdx(folder_.File("toy"), {.train = 12, .test = 4, .side = 2});
    spec_.mutable_dataset()->set_validation(2);
    spec_.mutable_network()->clear_hidden();
    spec_.mutable_network()->add_hidden(3);
    spec_.mutable_feedback_schedule()->set_extra_minibatches(2);
    spec_.mutable_feedback_schedule()->set_extra_epochs(1);
    spec_.set_batch_size(6);
    spec_.set_epochs(2);
    between_epochs_ = CheckpointAfter(8);
    within_step_ = CheckpointAfter(2);
  }

  std::unique_ptr<TrainingRun> Make() { return TrainingRun::Create(spec_, cache_).value(); }

  std::string Cook(absl::string_view recipe) const {
    if (recipe.empty() || recipe[0] == 0) return std::string(recipe.substr(1 - recipe.empty()));
    std::string bytes = recipe[0] == 1 ? between_epochs_ : within_step_;
    for (recipe.remove_prefix(1); recipe.size() >= 4; recipe.remove_prefix(4)) {
      size_t at = 0;
      for (const char c : recipe.substr(0, 3)) at = at << 8 | static_cast<unsigned char>(c);
      at %= bytes.size();
      bytes[at] = static_cast<char>(bytes[at] ^ recipe[3]);
    }
    return bytes;
  }

  void Check(absl::string_view recipe) {
    const std::string checkpoint = Cook(recipe);
    const auto run = Make();
    const std::string before = run->Checkpoint();
    const absl::Status status = run->Restore(checkpoint);
    if (!status.ok()) {
      TP_PROPERTY(status.code() == absl::StatusCode::kInvalidArgument);
      TP_PROPERTY(run->Checkpoint() == before);
      TP_PROPERTY(checkpoint != between_epochs_ && checkpoint != within_step_);
      return;
    }
    const std::string taken = run->Checkpoint();
    const auto twin = Make();
    TP_PROPERTY(twin->Restore(taken).ok());
    TP_PROPERTY(twin->Checkpoint() == taken);
    int64_t reports = 0;
    const auto result =
        run->Train([&](const v1::Measurement&) { ++reports; }, [] { return false; });
    TP_PROPERTY(result.end != TrainingRun::End::kStopped);
    TP_PROPERTY(reports <= spec_.epochs());
  }

 private:
  std::string CheckpointAfter(int batches) {
    const auto run = Make();
    run->Train([](const v1::Measurement&) {}, [&] { return batches-- == 0; });
    return run->Checkpoint();
  }

  TempFolder folder_;
  DataSetCache cache_;
  v1::TrainingSpec spec_;
  std::string between_epochs_, within_step_;
};

}  // namespace
}  // namespace tpsweep::trainer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static tpsweep::trainer::Fixture fixture;
  fixture.Check(tpsweep::FuzzBytes(data, size));
  return 0;
}
