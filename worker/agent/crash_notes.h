// Which runs have crashed a worker on this machine.
//
// A process that dies of a fault (SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL) writes the
// attempt that was trained on the faulting thread into a file of its own; the next worker
// process that uses the folder finds it and tells the server, which else could not tell
// such a run from a machine that went away. SIGKILL, the out-of-memory killer's too,
// leaves no note.
#pragma once

#include <string>
#include <vector>

#include "tpsweep/v1/worker_service.pb.h"

namespace tpsweep::agent {

// One in a process.
class CrashNotes {
 public:
  // Reads the notes of processes that are gone, and opens a file for those of this one,
  // `process`. Without a folder that can be written there are no notes; the log says so.
  CrashNotes(const std::string& folder, const std::string& process);
  ~CrashNotes();
  CrashNotes(const CrashNotes&) = delete;
  CrashNotes& operator=(const CrashNotes&) = delete;

  const std::vector<v1::Crash>& found() const { return found_; }
  // They have been told.
  void Forget();

 private:
  std::string path_;
  std::vector<std::string> files_;  // with notes
  std::vector<v1::Crash> found_;
};

// As long as this lives, this thread works on `attempt`, which must outlive it.
class CrashSubject {
 public:
  explicit CrashSubject(const std::string& attempt);
  ~CrashSubject();
  CrashSubject(const CrashSubject&) = delete;
  CrashSubject& operator=(const CrashSubject&) = delete;

 private:
  int place_;
};

}  // namespace tpsweep::agent
