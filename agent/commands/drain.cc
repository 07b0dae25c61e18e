#include "agent/commands/drain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/commands/delivery_progress.h"
#include "agent/commands/listing.h"
#include "common/progress_line.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

constexpr absl::Duration kAskEvery = absl::Milliseconds(500);

// What is wanted, and how far it is.
struct Wanted {
  StreamKey key;
  TailedFile file;  // as it is at the start
  uint64_t durable = 0;
  bool done = false;
  uint64_t size_bytes() const { return file.stat.size_bytes; }
};

class Drain {
 public:
  Drain(const AgentConfig& config, const World& world)
      : config_(config), world_(world), line_(world.err, world.err_is_terminal, world.clock) {}

  int Run() {
    absl::StatusOr<NodeFacts> node = NodeOf(config_, world_);
    if (!node.ok()) {
      PrintError(world_, node.status().message());
      return kExitUsage;
    }
    LocalFiles local = ListLocalFiles(config_, world_, Listed::kAllFiles);
    for (const std::string& problem : local.problems) PrintError(world_, problem);
    const absl::Duration start = world_.clock->Monotonic();
    const absl::Duration end =
        config_.has_drain_timeout ? start + config_.values.drain_timeout : absl::InfiniteDuration();
    for (;;) {
      const absl::Duration asked = world_.clock->Monotonic();
      // Each question may take as long as the first, so that a collector that starts again is
      // waited for.
      const absl::StatusOr<KeptStreams> kept =
          AskCollector(config_, *node, config_.values.connect_timeout, world_);
      if (!kept.ok()) {
        line_.End();
        PrintError(world_, kept.status().message());
        return kExitFailed;
      }
      Choose(*kept, &local);
      if (Compare(*kept)) return Report(local.problems.empty() ? kExitGood : kExitFailed);
      SayWhyItWaits(*kept, node->node.value);
      const absl::Duration now = world_.clock->Monotonic();
      if (now >= end) return Report(kExitFailed);
      // Many streams are many pages: the collector has other work too.
      const absl::Duration pause = std::max(kAskEvery, 10 * (now - asked));
      const std::optional<ReceivedSignal> signal = world_.signals->Wait(std::min(pause, end - now));
      if (signal.has_value() && AsksToEnd(*signal)) return Report(kExitFailed);
    }
  }

 private:
  // What is wanted of a collector that takes this.
  void Choose(const KeptStreams& kept, LocalFiles* local) {
    KeepWhatIsTaken(kept, local);
    for (const std::string& line : std::exchange(local->left_out, {})) PrintError(world_, line);
    wanted_.clear();
    for (const auto& [key, file] : local->files) wanted_.push_back({key, file});
  }

  // True when everything that is wanted is durable.
  bool Compare(const KeptStreams& kept) {
    Progress progress;
    progress.state = SessionState::kStreaming;
    for (Wanted& wanted : wanted_) {
      const auto found = kept.streams.find(wanted.key);
      if (found != kept.streams.end()) {
        wanted.durable = DurableOf(wanted.file, found->second);
        wanted.done = IsDurable(wanted.file, found->second);
      } else {
        wanted.done = wanted.size_bytes() == 0;
      }
      ++progress.files;
      progress.bytes_on_disk += wanted.size_bytes();
      progress.bytes_durable += wanted.durable;
      if (!wanted.done) ++progress.files_behind;
    }
    ShowProgress(progress, &line_);
    return progress.files_behind == 0;
  }

  // Once: without an agent this would wait without end and without a word.
  void SayWhyItWaits(const KeptStreams& kept, const std::string& node) {
    if (std::exchange(looked_, true) || !kept.agents.empty()) return;
    line_.End();
    PrintError(world_, absl::StrCat("no agent of node '", kept.node.empty() ? node : kept.node,
                                    kept.streams.empty() ? "' has delivered anything; waiting"
                                                         : "' is connected; waiting"));
  }

  int Report(int exit_code) {
    line_.End();
    uint64_t bytes = 0;
    uint64_t left_files = 0;
    for (const Wanted& wanted : wanted_) {
      bytes += wanted.size_bytes();
      if (!wanted.done) ++left_files;
    }
    if (config_.values.json) {
      *world_.out << "{\"files\":" << wanted_.size() << ",\"bytes\":" << bytes << ",\"left\":[";
      bool first = true;
      for (const Wanted& wanted : wanted_) {
        if (wanted.done) continue;
        *world_.out << (first ? "" : ",") << "{\"file\":" << JsonString(wanted.key.second)
                    << ",\"logdir\":" << JsonString(wanted.key.first)
                    << ",\"size\":" << wanted.size_bytes() << ",\"durable\":" << wanted.durable
                    << "}";
        first = false;
      }
      *world_.out << "]}\n";
      return exit_code;
    }
    if (left_files == 0) {
      *world_.out << "durable: " << Counted(wanted_.size(), "file") << ", " << HumanBytes(bytes)
                  << "\n";
      return exit_code;
    }
    for (const Wanted& wanted : wanted_) {
      if (wanted.done) continue;
      PrintError(world_, absl::StrCat("left: ", wanted.key.second, ": ", wanted.durable, " of ",
                                      wanted.size_bytes(), " bytes are durable"));
    }
    PrintError(world_, absl::StrCat(Counted(left_files, "file"), " of ", wanted_.size(),
                                    " not durable; is an agent running on this node?"));
    return exit_code;
  }

  const AgentConfig& config_;
  const World& world_;
  ProgressLine line_;
  std::vector<Wanted> wanted_;
  bool looked_ = false;
};

}  // namespace

int DrainCommand(const AgentConfig& config, const World& world) {
  return Drain(config, world).Run();
}

}  // namespace tributary::agent
