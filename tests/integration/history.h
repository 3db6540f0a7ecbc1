// Whether what happened to a study can have happened: what its server decided, what it keeps,
// and what its workers were told, held against the promises of docs/protocol.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep {

// What was durable at one moment, as a client read it.
struct Reading {
  std::vector<v1::Run> runs;
  // Of all attempts; read after `runs`.
  std::vector<v1::MeasurementRecord> measurements;
};

// "Up to this measurement all is durable", as a worker heard it of an attempt that it held.
struct Acknowledgement {
  std::string worker;
  std::string attempt;
  int64_t sequence = 0;
};

struct History {
  std::vector<v1::Event> events;
  // Readings on the way, and at the end.
  std::vector<Reading> readings;
  // Those that count, of each run in their order.
  std::vector<v1::MeasurementRecord> story;
  // Of each worker in the order in which it heard them.
  std::vector<Acknowledgement> heard;
};

// What cannot be, in words; nothing: all is well.
//   - No two attempts of a run are leased at the same moment, their numbers are 1, 2, 3, ...,
//     and only the one that is leased succeeds, is lost or is handed back.
//   - Each run's story is 1, 2, 3, ..., each measurement once, and later attempts go on where
//     earlier ones stopped.
//   - What was read once stays, and stays the same. An attempt that was over then gets nothing
//     more: it is fenced.
//   - What a worker was told is durable is there in the end, was told to the holder of the
//     attempt alone, and never goes back.
// For studies whose trials begin at the beginning (not pbt).
std::vector<std::string> Violations(const History& history);

// The acknowledgements in the log of `worker`, at level debug.
std::vector<Acknowledgement> AcknowledgementsIn(const std::string& worker, absl::string_view log);

}  // namespace tpsweep
