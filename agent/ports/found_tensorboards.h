// Registers the TensorBoards that already run on this node with the collector, for as long as each
// runs, so that they open from its URL as those do that were started with `exec`.
#ifndef TRIBUTARY_AGENT_PORTS_FOUND_TENSORBOARDS_H_
#define TRIBUTARY_AGENT_PORTS_FOUND_TENSORBOARDS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "agent/ports/running_tensorboards.h"
#include "agent/ports/service_client.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/task_queue.h"

namespace tributary::agent {

// Not thread-safe: on its queue, which is that of the client.
class FoundTensorboards {
 public:
  struct Options {
    std::string directory;  // as of TensorboardInfoDirectory
    absl::Duration look_every = absl::Seconds(5);
    // One that the collector refused, as somebody else registered it, is offered again.
    absl::Duration refused_wait = absl::Minutes(1);
    size_t found_max = 50;
  };
  // All outlive this, and every task that is posted.
  struct Dependencies {
    FileSystem* files;
    Ports* ports;
    ServiceClient* client;
    TaskQueue* queue;
    Clock* clock;
    Logger* log;
    std::function<std::string(uint32_t uid)> user_name;
  };

  FoundTensorboards(Options options, Dependencies dependencies)
      : options_(std::move(options)), deps_(std::move(dependencies)) {}

  // Looks now, and then again and again.
  void Look();
  // What the client tells.
  void OnEvent(const ServiceClient::Event& event);

 private:
  // One process on one port: what can be told apart when a TensorBoard starts anew.
  using Key = std::pair<uint16_t, int64_t>;
  struct Found {
    uint32_t claim_id = 0;
    // When a refused one is offered again; without it, it is claimed.
    absl::Duration again = absl::InfiniteDuration();
  };

  void Claim(const RunningTensorboard& tensorboard, Found* found);

  const Options options_;
  const Dependencies deps_;
  std::map<Key, Found> found_;
  uint32_t last_claim_id_ = 0;
  bool too_many_told_ = false;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PORTS_FOUND_TENSORBOARDS_H_
