#include "agent/admin.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tributary::agent {
namespace {

// Long enough for a look at a hundred thousand files on a slow network file system.
constexpr absl::Duration kSilenceMax = absl::Minutes(1);

}  // namespace

AdminBoard::AdminBoard(std::vector<Logdir> logdirs, const std::string& version, FileSystem* files,
                       Clock* clock)
    : logdirs_(std::move(logdirs)),
      files_(files),
      clock_(clock),
      metrics_(&registry_),
      updated_(clock->Monotonic()) {
  registry_.AddProcessMetrics(version, clock->Wall());
}

void AdminBoard::Update(const Progress& progress) {
  std::vector<std::string> missing;
  for (const Logdir& logdir : logdirs_) {
    if (!files_->Stat(logdir.path).ok()) missing.push_back(logdir.path);
  }
  metrics_.Update(progress, missing.size());
  const absl::Duration now = clock_->Monotonic();
  MutexLock lock(&mu_);
  progress_ = progress;
  missing_logdirs_ = std::move(missing);
  updated_ = now;
}

AdminAnswer AdminBoard::Answer(absl::string_view method, absl::string_view path) {
  const auto error = [](int status, absl::string_view text) {
    AdminAnswer answer;
    answer.status = status;
    answer.body = absl::StrCat(text, "\n");
    return answer;
  };
  if (method != "GET" && method != "HEAD") return error(405, "only GET and HEAD");
  if (path == "/healthz") return Health();
  if (path == "/readyz") return Readiness();
  if (path == "/metrics") {
    AdminAnswer answer;
    answer.content_type = std::string(kMetricsContentType);
    answer.body = registry_.Text();
    return answer;
  }
  return error(404, "no such page: /healthz, /readyz, /metrics");
}

AdminAnswer AdminBoard::Health() {
  const absl::Duration now = clock_->Monotonic();
  AdminAnswer answer;
  MutexLock lock(&mu_);
  const absl::Duration silence = now - updated_;
  if (silence <= kSilenceMax) {
    answer.body = "ok\n";
  } else {
    answer.status = 503;
    answer.body = absl::StrCat("the agent's thread has been silent for ",
                               absl::ToInt64Seconds(silence), " s\n");
  }
  return answer;
}

AdminAnswer AdminBoard::Readiness() {
  AdminAnswer answer;
  std::string missing;
  MutexLock lock(&mu_);
  if (progress_.state != SessionState::kStreaming) {
    absl::StrAppend(&missing, "collector: ", SessionStateName(progress_.state),
                    progress_.last_error.empty() ? "" : ": ", progress_.last_error, "\n");
  }
  for (const std::string& path : missing_logdirs_) {
    absl::StrAppend(&missing, "logdir ", path, ": not there\n");
  }
  answer.status = missing.empty() ? 200 : 503;
  answer.body = missing.empty() ? "ready\n" : missing;
  if (progress_.files_unreadable > 0) {
    absl::StrAppend(&answer.body, "files that cannot be read: ", progress_.files_unreadable, "\n");
  }
  if (progress_.directories_unlisted > 0) {
    absl::StrAppend(&answer.body,
                    "directories that cannot be listed: ", progress_.directories_unlisted, ", ",
                    progress_.directory_error, "\n");
  }
  if (!progress_.tailer_status.empty())
    absl::StrAppend(&answer.body, progress_.tailer_status, "\n");
  return answer;
}

}  // namespace tributary::agent
