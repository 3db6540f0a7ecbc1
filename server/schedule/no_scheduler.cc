// Every trial is trained to its end.
#include "server/schedule/schedulers.h"

namespace tpsweep::server {
namespace {

class NoScheduler final : public Scheduler {
 public:
  explicit NoScheduler(int64_t epochs) : epochs_(epochs) {}

  int64_t FirstStop(int64_t) const override { return epochs_; }
  void Begin(int64_t) override {}
  void Wait(int64_t, int64_t, double) override {}
  void GoOn(int64_t, int64_t) override {}
  void End(int64_t, bool) override {}
  void Close() override {}
  std::optional<Advance> Next() const override { return std::nullopt; }
  std::optional<int64_t> Beaten() const override { return std::nullopt; }
  std::string Explain(int64_t, const Names&) const override { return ""; }

 private:
  const int64_t epochs_;
};

}  // namespace

std::unique_ptr<Scheduler> MakeNoScheduler(const v1::StudySpec& spec) {
  return std::make_unique<NoScheduler>(spec.training().epochs());
}

}  // namespace tpsweep::server
