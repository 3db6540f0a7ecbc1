// How far a study is, on standard error: a bar that is drawn again and again on
// a terminal, a line now and then elsewhere.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// Not thread-safe.
class Progress {
 public:
  enum class Style { kNone, kLines, kBar };

  // `width` is asked before each drawing: terminals change theirs. `out` and
  // `clock` must outlive the object.
  Progress(Style style, std::function<int()> width, std::ostream& out, Clock& clock);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Where the study is now; `in_flight` is the work already done in running
  // runs, in runs. What had ended by the first call does not count in the rate.
  void Update(const v1::Study& study, double in_flight);

  // A run has ended. Lines name the latest; failures get a line of their own.
  void RunEnded(const v1::Run& run);

  // A line of its own that stays.
  void Note(absl::string_view line);

  // The last line, which stays; nothing is drawn after it.
  void Finish();

 private:
  bool IsStarted() const { return first_done_.has_value(); }
  double Done() const;
  // "7/12 runs  58 %  2 running  2.1 runs/min  about 2 min left"
  std::string StatusText() const;
  std::string BarLine() const;
  void NoteWaiting();
  void Draw();
  void Erase();

  const Style style_;
  const std::function<int()> width_;
  std::ostream& out_;
  Clock& clock_;

  v1::Study study_;
  double in_flight_ = 0;
  std::optional<double> first_done_;
  absl::Duration first_time_;
  bool is_finished_ = false;
  bool is_drawn_ = false;  // a bar is on the terminal's last line

  std::string last_line_;
  absl::Duration last_line_time_ = -absl::InfiniteDuration();
  std::string latest_run_;
  int num_failures_shown_ = 0;

  std::string waiting_reason_;
  absl::Duration waiting_since_;
  bool is_waiting_noted_ = false;
};

}  // namespace tpsweep::client
