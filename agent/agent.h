// The delivery of one node: follows the files below the logdirs and brings their bytes to the
// collector.
#ifndef TRIBUTARY_AGENT_AGENT_H_
#define TRIBUTARY_AGENT_AGENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/logdir.h"
#include "agent/progress.h"
#include "agent/side_files.h"
#include "agent/transport.h"
#include "common/clock.h"
#include "common/eventfile/tailer.h"
#include "common/file.h"
#include "common/random.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {
class Logger;
}

namespace tributary::agent {

// What is told of a file when its stream is opened.
struct StreamNaming {
  std::string run;
  std::string why;
  bool merge = false;
  ingest::v1::FileFacts file;
};

// Names a file's run; `node` is the name that the collector gave to this node. Called at each
// opening of the file's stream, on the agent's queue. An error keeps the file unopened: it is shown
// and asked again with backoff.
using RunNamer =
    std::function<absl::StatusOr<StreamNaming>(const TailedFile& file, const std::string& node)>;

// Owned and called by the agent's one queue; not thread-safe. No threads of its own, never blocks
// but for reading files. Starts with the first Step; ends when outcome() is set, or whenever it is
// destroyed: nothing is lost by that, the sources are still there. The transport must tell no event
// after the agent is destroyed.
class Agent {
 public:
  struct Options {
    // What is followed.
    std::vector<Logdir> logdirs;
    // Sent at the start of each session; its logdirs, agent_nonce and clock are set by the agent. A
    // store_id given here must be the collector's.
    ingest::v1::Hello hello;
    // End as soon as everything that is present at the first look is durable.
    bool once = false;
    int open_files_max = 256;
    // Payload of one chunk, in bytes; the collector's own limit may be lower. More saves
    // per-message cost, less lets other streams pass a big one sooner.
    uint64_t chunk_bytes_max = 512u << 10;
    SideFiles::Options side_files;
    // How long another live agent of this node with the same logdir name, or a live machine of the
    // same name, is waited for before its refusal ends this agent: it may be draining, as when a
    // service is restarted. Must exceed the drain of that one. Infinite: for ever.
    absl::Duration taken_wait = absl::Seconds(30);
  };
  struct Dependencies {
    FileSystem* files;  // these outlive the agent
    Clock* clock;
    Random* random;
    ChangeNotifier* notifier;  // may be null: sweeps only
    Transport* transport;
    Logger* log;
    RunNamer namer;
    // Called when next_step() may have become earlier or outcome() was set, outside a call of Step:
    // after a transport event. May be null.
    std::function<void()> on_changed;
  };

  Agent(const Options& options, Dependencies dependencies);
  ~Agent();

  // Does what is due: looks for changes, connects, reads, sends at most a message or two. Call it
  // when the notifier's descriptor polls readable and when next_step() is due; once too often does
  // no harm. Transport events need no Step.
  void Step();
  // When Step must be called at the latest, on the monotonic clock.
  absl::Duration next_step() const;

  // From now on only what is present now will be delivered: torn tails and unfilled ranges go as
  // they are. outcome() is set when all of it is durable, or what is not cannot become so.
  void StartDrain();

  // Set when the agent has ended:
  //   - OK: drained, or `once` is done, and nothing is left;
  //   - DataLoss: drained, but some files could not be delivered whole, or some directories not be
  //     listed: see Left;
  //   - FailedPrecondition, PermissionDenied, InvalidArgument: the collector refused the session
  //     for a reason that waiting cannot cure, or did not within taken_wait; the message is for
  //     people.
  // Its transport is closed, or being closed, by then.
  std::optional<absl::Status> outcome() const;

  // Walks all files.
  Progress progress() const;
  // Files that are present or were, and are not durable to their present end (while draining: to
  // the end they had at its start), and directories that cannot be listed; at most `limit`. Walks
  // all files.
  std::vector<FileLeft> Left(size_t limit) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_AGENT_H_
