// What the agent says of itself to whoever watches it.
#ifndef TRIBUTARY_AGENT_ADMIN_H_
#define TRIBUTARY_AGENT_ADMIN_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/metrics.h"
#include "agent/progress.h"
#include "agent/run_names.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/metrics.h"
#include "common/mutex.h"

namespace tributary::agent {

struct AdminAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// The latest snapshot of the agent. Update on the agent's thread, Answer on any.
class AdminBoard {
 public:
  // `files` and `clock` outlive this.
  AdminBoard(std::vector<Logdir> logdirs, const std::string& version, FileSystem* files,
             Clock* clock);

  void Update(const Progress& progress) ABSL_LOCKS_EXCLUDED(mu_);

  //   /healthz  200; 503 if the agent's thread has not told anything for a minute
  //   /readyz   200 if files are delivered; 503 if the collector or a logdir is away, and what it
  //             is that is missing; files and directories that cannot be read are told, and do not
  //             make it 503
  //   /metrics  Prometheus' text
  // Anything else is 404; a method other than GET and HEAD is 405.
  AdminAnswer Answer(absl::string_view method, absl::string_view path) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  AdminAnswer Health() ABSL_LOCKS_EXCLUDED(mu_);
  AdminAnswer Readiness() ABSL_LOCKS_EXCLUDED(mu_);

  const std::vector<Logdir> logdirs_;
  FileSystem* const files_;
  Clock* const clock_;
  // Synchronised by itself.
  MetricsRegistry registry_;
  // Owned by the agent's thread.
  AgentMetrics metrics_;

  Mutex mu_;
  Progress progress_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> missing_logdirs_ ABSL_GUARDED_BY(mu_);
  absl::Duration updated_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_ADMIN_H_
