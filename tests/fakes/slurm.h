// A Slurm of the test's own: a controller and nodes of one processor each, all on this machine,
// in a folder that goes with it. A node has its processes and its /var/tmp for itself, so that it
// can be lost as a whole.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/process.h"

namespace tpsweep {

class SlurmCluster {
 public:
  // Nodes are namespaces, which need root's privileges.
  static bool MayBeStarted();

  // With nodes n1, n2, ..., idle. The partition `work` is the default; jobs of `urgent` preempt
  // those of it, which are queued again. Throws std::runtime_error if there is no Slurm or it does
  // not start: a test without it fails.
  explicit SlurmCluster(int num_nodes);
  ~SlurmCluster();
  SlurmCluster(const SlurmCluster&) = delete;
  SlurmCluster& operator=(const SlurmCluster&) = delete;

  // Runs a command of Slurm, with more in its environment (NAME=VALUE); what it prints. Throws
  // std::runtime_error if it fails.
  std::string Run(const std::vector<std::string>& command,
                  const std::vector<std::string>& environment = {});
  // What `scontrol show job` says of it, by name: JobState, Restarts, NodeList, ...
  std::map<std::string, std::string> Job(const std::string& id);

  // Ends all that runs there, at once, as a loss of power does.
  void LoseNode(const std::string& name);

  // For messages of failed tests.
  std::string ControllerLog() const { return controller_->Errors(); }

 private:
  void WriteConfiguration(int num_nodes);
  std::unique_ptr<Process> StartNode(const std::string& name);

  std::string folder_;
  std::unique_ptr<Process> controller_;
  std::map<std::string, std::unique_ptr<Process>> nodes_;
  int num_commands_ = 0;
};

}  // namespace tpsweep
