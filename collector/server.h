// Everything of a running collector, and the order in which it starts and stops.
#ifndef TRIBUTARY_COLLECTOR_SERVER_H_
#define TRIBUTARY_COLLECTOR_SERVER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/config.h"
#include "collector/index/index.h"
#include "collector/ingest/local_source.h"
#include "collector/registry/cluster_board.h"
#include "collector/serve/http_api.h"
#include "common/clock.h"
#include "common/descriptor_watch.h"
#include "common/file.h"
#include "common/http/http_server.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "common/task_queue.h"

namespace tributary {

// Built and stopped by main's thread. Threads: accept, http-NN, follow, load-NN, notify.
class Server {
 public:
  struct Options {
    std::vector<LogdirOption> logdirs;
    CollectorConfig config;
    std::map<std::string, uint64_t> samples_per_plugin;
    std::string webfiles;  // empty: none was found
    std::string version;
  };
  struct Dependencies {
    FileSystem* files;
    Clock* clock;
    Random* random;
    Logger* log;
  };

  // Listens, then begins to load; serves meanwhile. AlreadyExists if the port is taken (or all of
  // 6006 to 6105 are), the message names the holder where the system tells. The port file's errors.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options,
                                                       const Dependencies& dependencies);
  // Stops, if Stop was not called.
  ~Server();

  uint16_t port() const { return mux_->port(); }
  // What a person opens.
  std::string url() const;
  // OK, or why "/" shows a notice instead of the UI.
  const absl::Status& webfiles_status() const { return api_->webfiles_status(); }

  // Stops accepting, lets answers under way end, then stops the sources. Once.
  void Stop();

 private:
  Server(const Options& options, const Dependencies& dependencies);
  absl::Status Listen();
  void StartLoading();
  absl::Status Ready() const;

  const Options options_;
  const Dependencies dependencies_;
  MetricsRegistry metrics_;
  ClusterBoard cluster_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<serve::HttpApi> api_;
  std::unique_ptr<http::HttpServer> http_;
  std::unique_ptr<http::PortMux> mux_;

  std::unique_ptr<ChangeNotifier> notifier_;
  std::unique_ptr<ThreadTaskQueue> follow_;
  std::vector<std::unique_ptr<ThreadTaskQueue>> loaders_;
  std::unique_ptr<LocalSource> source_;
  std::unique_ptr<DescriptorWatch> watch_;
  bool stopped_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_SERVER_H_
