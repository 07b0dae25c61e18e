// Facts that users leave beside their event files, in `.tributary.yaml`.
#ifndef TRIBUTARY_AGENT_RUN_FACTS_H_
#define TRIBUTARY_AGENT_RUN_FACTS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/node_facts.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"

namespace tributary::agent {

inline constexpr absl::string_view kRunFactsFileName = ".tributary.yaml";

struct RunFacts {
  // Of job, job_name, nodelist, index, rank, user, node: those that are given; sources are paths.
  std::map<std::string, Fact> facts;
  std::map<std::string, Fact> labels;
  std::optional<bool> merge;
};

// What one file says. An unknown key is noted in `warnings` ("PATH:3: …") and has no effect; the
// file is a user's. InvalidArgument with "PATH:LINE: …" for what is no YAML map, and for values
// that are of the wrong kind.
absl::StatusOr<RunFacts> ParseRunFacts(const std::string& path, absl::string_view text,
                                       std::vector<std::string>* warnings);

// Finds the facts of event files. Owned by one thread.
class RunFactsReader {
 public:
  // All outlive this.
  RunFactsReader(FileSystem* files, Clock* clock, Logger* log)
      : files_(files), clock_(clock), log_(log) {}

  // The facts for files in `directory` ("" for the logdir itself) below `root`: key by key, the
  // nearest file wins. The error of a file that is there and cannot be read or parsed.
  absl::StatusOr<RunFacts> For(const std::string& root, absl::string_view directory);

 private:
  struct Cached {
    absl::Duration read;
    absl::StatusOr<std::optional<RunFacts>> facts;
  };
  const absl::StatusOr<std::optional<RunFacts>>& Read(const std::string& directory);

  FileSystem* const files_;
  Clock* const clock_;
  Logger* const log_;
  // By directory; so that opening thousands of files does not look a thousand times for one.
  absl::flat_hash_map<std::string, Cached> cache_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_RUN_FACTS_H_
