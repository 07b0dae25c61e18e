// Holds the system to what it promised.
#ifndef TRIBUTARY_TESTS_SIM_CHECKER_H_
#define TRIBUTARY_TESTS_SIM_CHECKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "tests/sim/agent_node.h"
#include "tests/sim/collector_node.h"
#include "tests/sim/network.h"
#include "tests/sim/trace.h"

namespace tributary::sim {

// Listens to every message. What it finds broken goes to the trace:
//   durable   bytes below a durable watermark, once told to anybody, stay as they were through
//             every crash, also when their generation was put aside; the watermark never goes back
//   exact     a mirror is what its source was, never a mixture of two contents
//   bounded   nobody sends without credit, and all credit together fits into the pool
//
// Not thread-safe.
class Checker : public NetworkObserver {
 public:
  // `collector` is asked for bytes whenever it promises something.
  explicit Checker(Trace* trace) : trace_(trace) {}
  void Watch(CollectorNode* collector, std::vector<AgentNode*> nodes) {
    collector_ = collector;
    nodes_ = std::move(nodes);
  }

  void OnCollectorSends(int connection, const ingest::v1::CollectorMessage& message) override;
  void OnCollectorGets(int connection, const ingest::v1::AgentMessage& message) override;
  void OnAgentSends(int connection, const ingest::v1::AgentMessage& message) override;
  void OnAgentGets(int connection, const ingest::v1::CollectorMessage& message) override;

  // The collector has just recovered: everything that was promised is there.
  void CheckPromises();
  // Every generation that the collector has is something that its source was.
  void CheckGenerations();
  // Every source is mirrored whole, durable and indexed; the first difference if not.
  absl::Status Complete();

  uint64_t promises() const { return promises_; }

 private:
  using Stream = std::pair<std::string, std::string>;  // node, path
  struct Link {
    std::string node;
    std::map<uint32_t, std::string> paths;
    int64_t agent_credit = 0;
  };

  void Promise(const Stream& stream, uint64_t generation, uint64_t offset);
  void CheckOrigin(const Stream& stream, uint64_t generation, const std::string& bytes);
  absl::Status CheckMirror(const AgentNode& node, const std::string& path, const SourceFile& source,
                           const std::string& content);
  absl::Status CheckIndex(const MirrorStream& stream, const std::string& bytes);
  // See EventWriter::Contents; empty for a file that nobody wrote. Sets *altered if a power cut
  // altered a file of the node.
  std::vector<std::string> ContentsOf(const Stream& stream, bool* altered) const;

  Trace* const trace_;
  CollectorNode* collector_ = nullptr;
  std::vector<AgentNode*> nodes_;
  std::map<int, Link> links_;
  // The bytes that were promised, by stream and generation.
  std::map<std::pair<Stream, uint64_t>, std::string> promised_;
  uint64_t promises_ = 0;
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_CHECKER_H_
