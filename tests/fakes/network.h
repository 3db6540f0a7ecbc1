// A network that a test can cut: this process and what it starts are on the near side, what
// it starts with FarSide() is on the far side, and between them is a router that can be made
// to lose what it is given.
//
//   near --- router --- far
//
// Made of network namespaces. None has a name: the kernel removes each with its last
// process, so nothing stays behind, not even of a test that was killed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/fakes/process.h"
#include "tests/fakes/synthetic_idx.h"

namespace tpsweep {

class Network {
 public:
  // Moves this process to a network of its own, where it is alone; for good. Before any
  // other thread is started: it would stay where it was.
  //   kPermissionDenied  only root may
  static absl::Status Enter();

  // This process has entered; one at a time. Throws std::runtime_error.
  Network();
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Where the near side is reached.
  static constexpr const char* kNearAddress = "10.99.1.1";
  // To be put before a command (with its path) that is to run on the far side.
  std::vector<std::string> FarSide() const;

  enum class Cut {
    kUnplugged,  // the far side's cable: both ways
    kToNear,     // what the far side sends is lost, without a word
    kToFar,
  };
  void Lose(Cut cut);
  void Heal(Cut cut);

 private:
  // A process that does nothing but keep a namespace.
  std::unique_ptr<Process> Keep(const std::string& name);
  // Runs a script of sh, in which $router and $far run a command there.
  void Run(const std::string& script);

  TempFolder folder_;
  std::unique_ptr<Process> router_;
  std::unique_ptr<Process> far_;
};

}  // namespace tpsweep
