// The streams of SweepService.Watch: events from the store after a revision,
// then new ones as they become durable.
//
// One thread reads the store for all streams, woken by the store's writer. A
// stream holds one small page of events at a time: a slow watcher costs no
// memory, it only falls behind.
#pragma once

#include <cstdint>
#include <map>
#include <thread>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "grpcpp/support/server_callback.h"
#include "server/store/store.h"
#include "tpsweep/v1/sweep_service.pb.h"

namespace tpsweep::server {

class WatchStream;

// Thread-safe.
class WatchHub {
 public:
  // `store` must outlive this object.
  explicit WatchHub(const Store& store);
  // All streams must have ended: stop the hub, then the gRPC server, first.
  ~WatchHub();

  // Everything up to `revision` is durable.
  void Notify(int64_t revision);

  grpc::ServerWriteReactor<v1::Event>* Watch(const v1::WatchRequest& request);

  // Ends every stream with kUnavailable, those asked for later too.
  void Stop();

 private:
  friend class WatchStream;

  // Not known whether there is more than the stream has seen.
  static constexpr int64_t kUnknown = -1;

  // A stream that has written all events up to `seen`: feeds it when there are more.
  void Wait(WatchStream* stream, int64_t seen);
  // Takes a waiting stream back; false if it does not wait.
  bool TakeBack(WatchStream* stream);
  void Loop();
  // A stream that waits and has not seen all there is; null if there is none.
  WatchStream* NextStale() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives the stream what it has not seen, or lets it wait again.
  void Feed(WatchStream* stream, int64_t revision);

  const Store& store_;
  Mutex mu_;
  CondVar wake_;
  // Waiting streams, with the revision up to which they have seen all.
  std::map<WatchStream*, int64_t> waiting_ ABSL_GUARDED_BY(mu_);
  int64_t revision_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace tpsweep::server
