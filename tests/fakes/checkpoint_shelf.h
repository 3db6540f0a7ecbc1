// Plays the server's part in the transfers of one stream of an agent: keeps what is
// put, and gives it back.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "worker/agent/agent.h"

namespace tpsweep::agent {

class CheckpointShelf {
 public:
  // `agent` is connected, must outlive it, and must be disconnected before it goes.
  explicit CheckpointShelf(Agent& agent) : agent_(agent), thread_([this] { Loop(); }) {}
  ~CheckpointShelf() { thread_.join(); }

  // What the next downloads of an attempt get, in order; the last one for ever.
  void Give(const std::string& attempt, Agent::Downloaded result) {
    MutexLock lock(mu_);
    given_[attempt].push_back(std::move(result));
  }
  // All uploads so far, and whether they are to be refused from now on.
  std::vector<Agent::Upload> uploads() {
    MutexLock lock(mu_);
    return uploads_;
  }
  std::vector<Agent::Download> downloads() {
    MutexLock lock(mu_);
    return downloads_;
  }
  void Refuse(absl::Status why) {
    MutexLock lock(mu_);
    refusal_ = std::move(why);
  }

 private:
  void Loop() {
    while (std::optional<Agent::Transfer> transfer = agent_.NextTransfer()) {
      if (const auto* upload = std::get_if<Agent::Upload>(&*transfer)) {
        absl::Status status;
        {
          MutexLock lock(mu_);
          uploads_.push_back(*upload);
          status = refusal_;
        }
        agent_.Uploaded(*upload, status);
      } else {
        const auto& download = std::get<Agent::Download>(*transfer);
        Agent::Downloaded result;
        {
          MutexLock lock(mu_);
          downloads_.push_back(download);
          std::vector<Agent::Downloaded>& given = given_[download.attempt()];
          if (!given.empty()) result = given.front();
          if (given.size() > 1) given.erase(given.begin());
        }
        agent_.Receive(download, std::move(result));
      }
    }
  }

  Agent& agent_;
  Mutex mu_;
  std::vector<Agent::Upload> uploads_ ABSL_GUARDED_BY(mu_);
  std::vector<Agent::Download> downloads_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::vector<Agent::Downloaded>> given_ ABSL_GUARDED_BY(mu_);
  absl::Status refusal_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace tpsweep::agent
