// Everything the collector answers over HTTP: TensorBoard's routes, its page, and our own API
// (HTTP_API.md).
#ifndef TRIBUTARY_COLLECTOR_SERVE_HTTP_API_H_
#define TRIBUTARY_COLLECTOR_SERVE_HTTP_API_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/gateway/host_table.h"
#include "collector/index/index.h"
#include "collector/registry/cluster_board.h"
#include "collector/registry/projector_board.h"
#include "collector/registry/service_board.h"
#include "collector/serve/cluster.h"
#include "collector/serve/health.h"
#include "collector/serve/main_view.h"
#include "collector/serve/plugins/audio.h"
#include "collector/serve/plugins/cluster_tab.h"
#include "collector/serve/plugins/core.h"
#include "collector/serve/plugins/custom_scalars.h"
#include "collector/serve/plugins/graphs.h"
#include "collector/serve/plugins/histograms.h"
#include "collector/serve/plugins/hparams.h"
#include "collector/serve/plugins/images.h"
#include "collector/serve/plugins/mesh.h"
#include "collector/serve/plugins/pr_curves.h"
#include "collector/serve/plugins/projector.h"
#include "collector/serve/plugins/scalars.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/plugins/text.h"
#include "collector/serve/plugins/timeseries.h"
#include "collector/serve/router.h"
#include "collector/serve/runs.h"
#include "collector/serve/static_assets.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/http/message.h"
#include "common/log.h"

namespace tributary::serve {

// Constant after construction, so thread-safe: `Handle` runs on any number of HTTP threads at once
// and reads snapshots, and records where an answer needs them; POST /api/v1/runs waits for the
// store, at most 5 s.
class HttpApi {
 public:
  struct Options {
    // What all paths begin with, but for the health routes, which answer with and without it. Empty
    // or "/a/b"; a slash at its end is dropped.
    std::string path_prefix;
    // The folder that deploy/webfiles/fetch made; empty for none.
    std::string webfiles;
    std::string window_title;
    // What is served, as the user named it: shown where no dashboard has data.
    std::string data_location;
    // The TensorBoard that the page is from.
    std::string tensorboard_version = "2.21.0";
    // Whether agents can join and decisions are kept: then there is a Cluster tab.
    bool has_store = false;
    // Listed where no view is named, those with the newest data; 0: all.
    uint64_t runs_max = 0;
    // See SampleLimits; --samples_per_plugin.
    SampleLimits samples_per_plugin;
  };
  // All must outlive this, and are thread-safe.
  struct Dependencies {
    const Index* index = nullptr;
    const ClusterBoard* cluster = nullptr;
    const ServiceBoard* services = nullptr;
    const gateway::HostTable* hosts = nullptr;
    // Of agents' runs and of local ones; may be null.
    const ProjectorBoard* projector = nullptr;
    const ProjectorBoard* local_projector = nullptr;
    Clock* clock = nullptr;
    FileSystem* files = nullptr;
    Logger* log = nullptr;
    // Different at each start of the process: versions of the index begin anew.
    uint64_t start_nonce = 0;
    HealthCallbacks health;
    // Asked for each picture of the cluster, on any thread.
    std::function<CollectorFacts()> collector;
    RunDecisionAccess decisions;
  };

  // Reads the UI's files. What hinders that is no error, see webfiles_status.
  HttpApi(const Options& options, const Dependencies& dependencies);
  HttpApi(const HttpApi&) = delete;
  HttpApi& operator=(const HttpApi&) = delete;

  // Why "/" shows a notice instead of the UI; OK if it shows the UI.
  const absl::Status& webfiles_status() const { return webfiles_status_; }

  http::Response Handle(const http::Request& request) const;

 private:
  // The answer of a route, for the runs of the view that the location names.
  http::Response AnswerInView(const Router::Route& route, const http::Request& request,
                              Location location) const;
  http::Response AnswerRoute(const Router::Route& route, const http::Request& request,
                             const Location& location, absl::string_view view_tag) const;

  const std::string path_prefix_;
  const Dependencies dependencies_;
  const std::unique_ptr<MainView> main_view_;
  const RunsRoute runs_;
  const ClusterTab cluster_tab_;
  const CorePlugin core_;
  const ScalarsPlugin scalars_;
  const TimeseriesPlugin timeseries_;
  const HistogramsPlugin histograms_{};
  const ImagesPlugin images_;
  const AudioPlugin audio_;
  const TextPlugin text_;
  const HparamsPlugin hparams_;
  const PrCurvesPlugin pr_curves_;
  const MeshPlugin mesh_;
  const CustomScalarsPlugin custom_scalars_;
  const GraphsPlugin graphs_{};
  const ProjectorPlugin projector_;
  Router router_;
  std::unique_ptr<StaticAssets> assets_;  // null without the UI
  absl::Status webfiles_status_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_HTTP_API_H_
