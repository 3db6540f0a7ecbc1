#include "client/progress.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/table.h"
#include "client/values.h"

namespace tpsweep::client {
namespace {

constexpr absl::Duration kLineInterval = absl::Seconds(5);
// A worker needs a moment to connect: only what lasts is worth a line.
constexpr absl::Duration kWaitingWorthALine = absl::Seconds(3);
// A rate from less than this is a guess.
constexpr absl::Duration kMinRateTime = absl::Seconds(2);
constexpr double kMinRateRuns = 0.2;
constexpr int kMaxFailuresShown = 20;
constexpr int kBarWidth = 24;

std::string RateText(double runs_per_second) {
  if (runs_per_second >= 1) return absl::StrFormat("%.1f runs/s", runs_per_second);
  if (runs_per_second * 60 >= 1) return absl::StrFormat("%.1f runs/min", runs_per_second * 60);
  return absl::StrFormat("%.1f runs/h", runs_per_second * 3600);
}

// Rough, as an estimate is.
std::string AboutText(absl::Duration left) {
  const double seconds = absl::ToDoubleSeconds(left);
  if (seconds < 90) return absl::StrFormat("about %.0f s left", std::max(1.0, seconds));
  if (seconds < 90 * 60) return absl::StrFormat("about %.0f min left", seconds / 60);
  return absl::StrCat("about ", DurationText(left), " left");
}

}  // namespace

Progress::Progress(Style style, std::function<int()> width, std::ostream& out, Clock& clock)
    : style_(style), width_(std::move(width)), out_(out), clock_(clock) {}

Progress::~Progress() { Finish(); }

double Progress::Done() const { return static_cast<double>(EndedRuns(study_.runs())) + in_flight_; }

void Progress::Update(const v1::Study& study, double in_flight) {
  study_ = study;
  in_flight_ = in_flight;
  if (!IsStarted()) {
    first_done_ = Done();
    first_time_ = clock_.Elapsed();
  }
  NoteWaiting();
  Draw();
}

void Progress::RunEnded(const v1::Run& run) {
  const std::string name = absl::StrCat("trial ", run.trial(), " run ", run.replicate());
  const bool is_bad =
      run.state() == v1::RUN_STATE_FAILED || run.state() == v1::RUN_STATE_INFEASIBLE;
  if (is_bad && num_failures_shown_ < kMaxFailuresShown) {
    ++num_failures_shown_;
    Note(absl::StrCat(name, " ", StateText(run.state()), ": ", run.message()));
    return;
  }
  const auto objective = run.latest().scalars().find(study_.spec().objective().metric());
  if (run.state() == v1::RUN_STATE_SUCCEEDED && objective != run.latest().scalars().end()) {
    latest_run_ = absl::StrCat(name, ": ", objective->first, " ", MetricText(objective->second));
  }
}

void Progress::NoteWaiting() {
  if (study_.waiting_reason() != waiting_reason_) {
    waiting_reason_ = study_.waiting_reason();
    waiting_since_ = clock_.Elapsed();
    is_waiting_noted_ = false;
  }
  const bool is_lasting = clock_.Elapsed() - waiting_since_ >= kWaitingWorthALine;
  if (waiting_reason_.empty() || is_waiting_noted_ || !is_lasting) return;
  is_waiting_noted_ = true;
  Note(absl::StrCat("waiting: ", waiting_reason_));
}

std::string Progress::StatusText() const {
  const int64_t expected = study_.expected_runs();
  const int64_t ended = EndedRuns(study_.runs());
  std::vector<std::string> words;
  if (expected > 0) {
    words.push_back(absl::StrCat(ended, "/", expected, " runs"));
    words.push_back(absl::StrFormat("%.0f %%", 100 * Done() / static_cast<double>(expected)));
  } else {
    words.push_back(absl::StrCat(ended, " runs"));
  }
  if (study_.state() == v1::STUDY_STATE_PAUSED) words.push_back("PAUSED");
  if (const int64_t count = study_.runs().running())
    words.push_back(absl::StrCat(count, " running"));
  if (const int64_t count = study_.runs().infeasible()) {
    words.push_back(absl::StrCat(count, " infeasible"));
  }
  if (const int64_t count = study_.runs().failed()) words.push_back(absl::StrCat(count, " failed"));

  const absl::Duration elapsed = clock_.Elapsed() - first_time_;
  if (HasEnded(study_.state())) {
    const bool did_work = Done() > *first_done_;
    words.push_back(absl::StrCat(StateText(study_.state()), did_work ? " after " : "",
                                 did_work ? DurationText(elapsed) : ""));
  } else if (elapsed >= kMinRateTime && Done() - *first_done_ >= kMinRateRuns) {
    const double rate = (Done() - *first_done_) / absl::ToDoubleSeconds(elapsed);
    words.push_back(RateText(rate));
    if (expected > 0) {
      words.push_back(AboutText(absl::Seconds((static_cast<double>(expected) - Done()) / rate)));
    }
  }
  return absl::StrJoin(words, "  ");
}

std::string Progress::BarLine() const {
  std::string bar;
  if (study_.expected_runs() > 0) {
    const double part = std::clamp(Done() / static_cast<double>(study_.expected_runs()), 0.0, 1.0);
    const int filled = static_cast<int>(std::floor(part * kBarWidth));
    for (int i = 0; i < kBarWidth; ++i) absl::StrAppend(&bar, i < filled ? "█" : "░");
    absl::StrAppend(&bar, "  ");
  }
  return absl::StrCat(bar, StatusText());
}

void Progress::Draw() {
  if (!IsStarted() || is_finished_) return;
  if (style_ == Style::kBar) {
    // One column stays free: a full line would wrap.
    out_ << "\r" << CutToWidth(BarLine(), width_() - 1) << "\033[K" << std::flush;
    is_drawn_ = true;
  }
  if (style_ == Style::kLines && !HasEnded(study_.state())) {  // Finish writes the last line
    if (clock_.Elapsed() - last_line_time_ < kLineInterval) return;
    // Rate and remaining time change always; a line is worth it when the work moved.
    const std::string key =
        absl::StrCat(CountsText(study_.runs()), StateText(study_.state()), std::floor(Done() * 4));
    if (key == last_line_) return;
    last_line_ = key;
    last_line_time_ = clock_.Elapsed();
    out_ << StatusText() << (latest_run_.empty() ? "" : "  ") << latest_run_ << std::endl;
    latest_run_.clear();  // once is enough
  }
}

void Progress::Erase() {
  if (!is_drawn_) return;
  out_ << "\r\033[K";
  is_drawn_ = false;
}

void Progress::Note(absl::string_view line) {
  if (style_ == Style::kNone) return;
  Erase();
  out_ << Printable(line) << std::endl;
  Draw();
}

void Progress::Finish() {
  if (is_finished_) return;
  Erase();
  if (IsStarted() && style_ != Style::kNone) out_ << StatusText() << std::endl;
  is_finished_ = true;
}

}  // namespace tpsweep::client
