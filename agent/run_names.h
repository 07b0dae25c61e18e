// The name of the run that a file belongs to: namespace / logdir name / directory below the logdir.
// Empty parts vanish; if all are empty, the name is ".". It never depends on what else exists.
#ifndef TRIBUTARY_AGENT_RUN_NAMES_H_
#define TRIBUTARY_AGENT_RUN_NAMES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/agent.h"
#include "agent/logdir.h"
#include "agent/mounts.h"
#include "agent/name_template.h"
#include "agent/node_facts.h"
#include "agent/run_facts.h"

namespace tributary::agent {

// Owned by one thread.
class RunNames {
 public:
  struct Options {
    // nullopt: by what is known of each stream, {job}/node{index} or {node}.
    std::optional<NameTemplate> name_space;
    // From --label.
    std::map<std::string, Fact> labels;
    NodeFacts node;
    JobFacts job;
    // In the order of the tailer's roots.
    std::vector<Logdir> logdirs;
  };
  struct Dependencies {
    FileSystem* files;  // these outlive this
    Clock* clock;
    Logger* log;
    // The name of a user, or its number in digits.
    std::function<std::string(uint32_t uid)> user_name;
  };

  RunNames(Options options, Dependencies dependencies);

  // The run of a file and what else is told when its stream is opened. `node` is the name that the
  // collector gave to this node; empty if it was not asked. Bytes that are no UTF-8 become
  // %XX.
  //   - FailedPrecondition: a fact of the template has no value; InvalidArgument: it has one that
  //     no name may hold, or `.tributary.yaml` is malformed. Both name the fact or the place;
  //   - the error of reading `.tributary.yaml`.
  absl::StatusOr<StreamNaming> Name(const TailedFile& file, const std::string& node);

 private:
  // What is known of one stream.
  struct Known {
    const RunFacts* beside;
    const std::map<std::string, Fact>* captures;
    const TailedFile* file;
    const std::string* node;
  };
  // nullopt if nobody gives the fact; `*problem` then may say why.
  absl::StatusOr<std::optional<Fact>> Find(const std::string& fact, const Known& known,
                                           std::string* problem) const;
  absl::StatusOr<std::optional<Fact>> PlaceBeside(const RunFacts& beside,
                                                  std::string* problem) const;
  // `*no_place`: why it is not {job}/node{index} though there is a node list, or a job in a file
  // beside; empty otherwise.
  absl::StatusOr<NameTemplate> TemplateFor(const Known& known, std::string* no_place) const;
  absl::StatusOr<std::string> Expand(const NameTemplate& name_template, const Known& known,
                                     std::string* why) const;
  absl::Status Missing(const std::string& fact, const NameTemplate& name_template,
                       const std::string& problem) const;
  ingest::v1::FileFacts Facts(const TailedFile& file);

  const Options options_;
  const Dependencies dependencies_;
  RunFactsReader reader_;
  // Read again when it is a minute old.
  MountTable mounts_;
  absl::Duration mounts_read_ = -absl::InfiniteDuration();
  std::vector<std::string> real_roots_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_RUN_NAMES_H_
