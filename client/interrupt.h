// Ctrl-C, a closed terminal and SIGTERM, as a flag that loops look at.
#pragma once

namespace tpsweep::client {

// While it lives, SIGINT, SIGTERM and SIGHUP are counted instead of ending the
// process. One at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // How often it was asked to stop: once is "stop in order", twice "stop now".
  int count() const;
};

}  // namespace tpsweep::client
