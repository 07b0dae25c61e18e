// The collector's machine: a disk and a registry that outlive processes, and the process.
#ifndef TRIBUTARY_TESTS_SIM_COLLECTOR_NODE_H_
#define TRIBUTARY_TESTS_SIM_COLLECTOR_NODE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "collector/index/index.h"
#include "collector/ingest/ingest.h"
#include "collector/registry/cluster_board.h"
#include "collector/store/store.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "tests/sim/network.h"
#include "tests/sim/trace.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_registry.h"
#include "tests/support/manual_task_queue.h"

namespace tributary::sim {

// What is wrong with the collector on purpose, to see that it is noticed.
enum class Defect {
  kNone,
  kAckBeforeSync,    // a sync does nothing and says OK
  kOverlapAppended,  // bytes that the mirror has are appended again
};

// Not thread-safe. Owned by the world, which owns clock, network and random.
class CollectorNode {
 public:
  static constexpr char kDataDir[] = "/data";

  struct Options {
    Ingest::Options ingest;
    int shards = 2;
    int open_files_max = 512;
    Defect defect = Defect::kNone;
    bool refuse_sync_file_system = false;  // an old kernel
  };
  struct Dependencies {
    FakeClock* clock;
    Random* random;
    Network* network;
    Trace* trace;
    Logger* log;
  };

  CollectorNode(const Options& options, const Dependencies& dependencies);
  ~CollectorNode();

  // Starts the process. It may end at once, as where the disk fails; then it is not up.
  void Start();
  // The process is killed. What it wrote and did not sync is still in the machine's memory.
  void Kill();
  // The machine loses its power, and with it what was not synced.
  void LosePower();
  // The power goes at the call of the disk or the registry after `calls` more: also in the midst of
  // a commit. What was to be done after it is not done.
  void LosePowerAfter(int calls) { calls_left_ = calls; }
  bool up() const { return process_ != nullptr; }

  // --- Work. A disk that is frozen holds up the shards and the commit queue.
  size_t ready() const;
  void RunOne(size_t index);
  absl::Duration next_due() const;
  void SetFrozen(bool frozen) { frozen_ = frozen; }

  // A commit of the registry ends like this, after `passing` good ones.
  void FailRegistry(int passing, FakeRegistry::Fate fate) { registry_fault_ = {passing, fate}; }
  // The disk is sound, has space, and moves; the registry too; the power stays.
  void Heal();

  // --- What it has; only while it is up.
  Store* store() { return process_->store.get(); }
  Index* index() { return process_->index.get(); }
  std::shared_ptr<MirrorStream> FindStream(const std::string& node, const std::string& path);
  // The bytes of one generation as the disk has them now; NotFound if there is no such file.
  absl::StatusOr<std::string> ReadGeneration(const MirrorStream& stream, Generation generation);
  // True while streams of the store are still being indexed after the start.
  bool loading() const { return process_->ingest->streams_loading() > 0; }
  // Credit that is held or on its way.
  uint64_t reserved_bytes() const { return process_->ingest->sessions()->reserved_bytes(); }

  FakeFileSystem* files() { return &files_; }

 private:
  struct Process {
    explicit Process(FakeClock* clock)
        : session(clock), commit(clock), asset(clock), metrics(&metrics_registry) {}

    NodePresence nodes;
    MetricsRegistry metrics_registry;
    ManualTaskQueue session;
    ManualTaskQueue commit;
    ManualTaskQueue asset;
    std::vector<std::unique_ptr<ManualTaskQueue>> shards;
    IngestMetrics metrics;
    ClusterBoard board;
    RunDecisionBoard decisions;
    std::unique_ptr<FileSystem> wrapped_files;
    std::unique_ptr<Index> index;
    std::unique_ptr<Store> store;
    std::unique_ptr<Ingest> ingest;
  };

  // Every call of the disk and the registry passes here. False: there is no power.
  bool Powered();
  FakeRegistry::Fate CommitFate();
  void EndProcess(bool machine);
  // Once a task is over: the power may have gone within it, or the process have given up.
  void AfterTask();
  std::vector<ManualTaskQueue*> ReadyQueues() const;

  const Options options_;
  const Dependencies deps_;
  FakeFileSystem files_;
  FakeRegistry registry_;
  std::optional<int> calls_left_;
  std::optional<std::pair<int, FakeRegistry::Fate>> registry_fault_;
  bool dark_ = false;   // the power went, and the task that noticed is still running
  bool fatal_ = false;  // the process wants to end
  bool frozen_ = false;
  uint64_t starts_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_COLLECTOR_NODE_H_
