// Nodes, network and collector of one simulation, and the one thread on which all of it runs.
#ifndef TRIBUTARY_TESTS_SIM_WORLD_H_
#define TRIBUTARY_TESTS_SIM_WORLD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "common/log.h"
#include "common/random.h"
#include "tests/sim/agent_node.h"
#include "tests/sim/checker.h"
#include "tests/sim/collector_node.h"
#include "tests/sim/network.h"
#include "tests/sim/trace.h"
#include "tests/support/fake_clock.h"

namespace tributary::sim {

// The real agents and the real collector; clock, disks, registry and wires are fakes. Everything
// that happens follows from the seed: the sizes of limits and buffers too, so that boundaries are
// met often. Not thread-safe.
class World {
 public:
  struct Options {
    uint64_t seed = 1;
    Defect defect = Defect::kNone;
    // What happens, and what the programs log, goes to standard error.
    bool print = false;
  };

  explicit World(const Options& options);
  ~World();

  // Runs one thing that is ready, chosen at random. False if nothing is.
  bool RunOne();
  // Runs all that is ready now, and what becomes ready by it. A world that never rests fails.
  void Settle();
  // To the time when the next thing is due, but at most `at_most` further. False if nothing is due
  // in that time: then all of it has passed.
  bool PassTime(absl::Duration at_most);

  Random* random() { return &random_; }
  FakeClock* clock() { return &clock_; }
  Network* network() { return &network_; }
  CollectorNode* collector() { return collector_.get(); }
  const std::vector<std::unique_ptr<AgentNode>>& nodes() const { return nodes_; }
  AgentNode* AnyNode() { return nodes_[random_.Below(nodes_.size())].get(); }
  Checker* checker() { return &checker_; }
  Trace* trace() { return &trace_; }

 private:
  class PrintLogger;

  CollectorNode::Options CollectorOptions(Defect defect);
  void CheckBounds();

  FakeClock clock_;
  SeededRandom random_;
  Trace trace_;
  Checker checker_;
  std::unique_ptr<Logger> log_;
  Network network_;
  uint64_t pool_bytes_ = 0;
  std::unique_ptr<CollectorNode> collector_;
  std::vector<std::unique_ptr<AgentNode>> nodes_;
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_WORLD_H_
