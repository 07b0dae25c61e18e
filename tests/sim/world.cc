#include "tests/sim/world.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tributary::sim {
namespace {

// Tasks at one moment of virtual time; more, and somebody spins.
constexpr int kTasksAtOnceMax = 100'000;

Network::Options NetworkOptions(Random* random) {
  Network::Options options;
  options.delay_max = absl::Milliseconds(1 + static_cast<int64_t>(random->Below(200)));
  options.pipe_messages = 1 + random->Below(6);
  return options;
}

}  // namespace

// What the programs say, as part of the trace.
class World::PrintLogger : public Logger {
 public:
  explicit PrintLogger(Trace* trace) : trace_(trace) {}
  bool enabled(LogLevel) const override { return trace_->printing(); }

 protected:
  void Write(LogLevel level, absl::string_view message, std::vector<LogField> fields) override {
    trace_->Note("log", " ", LogLevelName(level), " ", FormatLogLine(message, fields));
  }

 private:
  Trace* const trace_;
};

World::World(const Options& options)
    : random_(options.seed),
      trace_(&clock_, options.print),
      checker_(&trace_),
      log_(std::make_unique<PrintLogger>(&trace_)),
      network_(NetworkOptions(&random_), {&clock_, &random_, &trace_, &checker_}) {
  collector_ = std::make_unique<CollectorNode>(
      CollectorOptions(options.defect),
      CollectorNode::Dependencies{&clock_, &random_, &network_, &trace_, log_.get()});
  std::vector<AgentNode*> watched;
  const uint64_t nodes = 1 + random_.Below(3);
  for (uint64_t i = 0; i < nodes; ++i) {
    AgentNode::Options node;
    node.name = absl::StrCat("node", i + 1);
    node.open_files_max = 1 + static_cast<int>(random_.Below(8));
    node.chunk_bytes_max = uint64_t{256} << random_.Below(12);
    node.clock_skew = absl::Hours(24) * (2 * random_.Unit() - 1);
    node.writer.files_max = 1 + static_cast<int>(random_.Below(6));
    node.writer.record_bytes_max = uint64_t{16} << random_.Below(11);
    nodes_.push_back(std::make_unique<AgentNode>(
        node, AgentNode::Dependencies{&clock_, &random_, &network_, &trace_, log_.get()}));
    watched.push_back(nodes_.back().get());
  }
  checker_.Watch(collector_.get(), watched);
}

World::~World() {
  // The wires first lose those that hold on to them.
  nodes_.clear();
  collector_.reset();
}

CollectorNode::Options World::CollectorOptions(Defect defect) {
  CollectorNode::Options options;
  options.defect = defect;
  options.shards = 1 + static_cast<int>(random_.Below(3));
  options.open_files_max = 1 + static_cast<int>(random_.Below(12));
  options.refuse_sync_file_system = random_.Below(4) == 0;
  Ingest::Options& ingest = options.ingest;
  ingest.collector_version = "simulated";
  ingest.limits.chunk_bytes_max = uint64_t{256} << random_.Below(12);
  ingest.limits.chunk_slices_max = 1u << random_.Below(10);
  ingest.limits.open_batch_max = 1u << random_.Below(8);
  ingest.credit.floor_bytes = uint64_t{16} << random_.Below(10);
  // Enough that nothing takes longer than the peace lasts.
  ingest.credit.session_bytes_max =
      std::max(uint64_t{8} << 10, ingest.credit.floor_bytes << random_.Below(6));
  ingest.credit.quantum_bytes = uint64_t{512} << random_.Below(10);
  // Room for every agent, and for sessions that are dead and not yet known to be.
  ingest.credit.pool_bytes =
      std::max(64 * ingest.credit.floor_bytes, 2 * ingest.credit.session_bytes_max);
  ingest.shard.catch_up_part_bytes = uint64_t{64} << random_.Below(12);
  pool_bytes_ = ingest.credit.pool_bytes;
  return options;
}

bool World::RunOne() {
  // By turns of chance among everything that could run now, as threads and machines would.
  const size_t of_collector = collector_->ready();
  const size_t of_network = network_.ready();
  size_t total = of_collector + of_network;
  for (const auto& node : nodes_) total += node->ready();
  if (total == 0) return false;
  size_t choice = random_.Below(total);
  trace_.Mix(total);
  if (choice < of_collector) {
    collector_->RunOne(choice);
    CheckBounds();
    return true;
  }
  choice -= of_collector;
  if (choice < of_network) {
    network_.Deliver(choice);
    return true;
  }
  choice -= of_network;
  for (const auto& node : nodes_) {
    const size_t of_node = node->ready();
    if (choice < of_node) {
      node->RunOne(choice);
      return true;
    }
    choice -= of_node;
  }
  return true;
}

void World::Settle() {
  for (int tasks = 0; !trace_.failed() && RunOne(); ++tasks) {
    if (tasks < kTasksAtOnceMax) continue;
    std::string spinning = absl::StrCat("the same moment never ends; ready: collector ",
                                        collector_->ready(), ", network ", network_.ready());
    for (const auto& node : nodes_) {
      absl::StrAppend(&spinning, ", ", node->name(), " ", node->ready());
    }
    trace_.Fail(std::move(spinning));
  }
}

bool World::PassTime(absl::Duration at_most) {
  const absl::Duration now = clock_.Monotonic();
  absl::Duration due = std::min(collector_->next_due(), network_.next_due());
  for (const auto& node : nodes_) due = std::min(due, node->next_due());
  const absl::Duration wait = std::max(due - now, absl::Nanoseconds(1));
  clock_.Advance(std::min(wait, at_most));
  return wait <= at_most;
}

void World::CheckBounds() {
  if (!collector_->up()) return;
  const uint64_t reserved = collector_->reserved_bytes();
  if (reserved > pool_bytes_) {
    trace_.Fail(absl::StrCat("credit of ", reserved, " bytes from a pool of ", pool_bytes_));
  }
}

}  // namespace tributary::sim
