#include "collector/serve/http_api.h"

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "collector/serve/answers.h"
#include "collector/serve/series.h"
#include "collector/serve/views.h"
#include "common/eventfile/crc32c.h"

namespace tributary::serve {
namespace {

constexpr char kProjectorModule[] = "/data/plugin/projector/index.js";

http::Response NotFound() {
  http::Response response;
  response.status = 404;
  response.body = "Not found";
  ForbidReuse(&response);
  return response;
}

}  // namespace

HttpApi::HttpApi(const Options& options, const Dependencies& dependencies)
    : path_prefix_(absl::StripSuffix(options.path_prefix, "/")),
      dependencies_(dependencies),
      main_view_(
          std::make_unique<MainView>(MainView::Options{options.runs_max, UrlOfAll(path_prefix_)},
                                     dependencies.index, dependencies.clock, dependencies.log)),
      runs_(dependencies.index, dependencies.hosts, dependencies.decisions, path_prefix_,
            dependencies.health.ready),
      cluster_tab_(dependencies.cluster, options.has_store),
      core_(
          {options.window_title, options.data_location, options.tensorboard_version},
          [this](const Location& at) {
            const bool has_page = assets_ != nullptr && assets_->Has(kProjectorModule);
            return has_page && projector_.HasData(at);
          },
          &cluster_tab_),
      scalars_(options.samples_per_plugin),
      timeseries_(options.samples_per_plugin),
      images_(options.samples_per_plugin),
      audio_(options.samples_per_plugin),
      text_(options.samples_per_plugin),
      hparams_(options.samples_per_plugin),
      pr_curves_(options.samples_per_plugin),
      mesh_(options.samples_per_plugin),
      custom_scalars_(options.samples_per_plugin),
      projector_(dependencies.files, dependencies.projector, dependencies.local_projector) {
  cluster_tab_.AddRoutes(&router_);
  core_.AddRoutes(&router_);
  scalars_.AddRoutes(&router_);
  timeseries_.AddRoutes(&router_);
  histograms_.AddRoutes(&router_);
  images_.AddRoutes(&router_);
  audio_.AddRoutes(&router_);
  text_.AddRoutes(&router_);
  hparams_.AddRoutes(&router_);
  pr_curves_.AddRoutes(&router_);
  mesh_.AddRoutes(&router_);
  custom_scalars_.AddRoutes(&router_);
  graphs_.AddRoutes(&router_);
  projector_.AddRoutes(&router_);
  router_.Add("/api/v1/series", true, [](const http::Request& request, const Location& at) {
    return SeriesAnswer(*at.index, request);
  });
  router_.Add("/api/v1/views", true,
              [this, runs_max = options.runs_max](const http::Request&, const Location& at) {
                return ViewsAnswer(*dependencies_.index, *main_view_->Get(), runs_max, path_prefix_,
                                   at);
              });
  router_.Add("/api/v1/namespaces", true, [this](const http::Request& request, const Location&) {
    return NameSpacesAnswer(*dependencies_.index, path_prefix_, request);
  });
  router_.Add("/api/v1/runs", false, [this](const http::Request& request, const Location&) {
    return runs_.Answer(request);
  });
  router_.Add("/api/v1/cluster", false, [this](const http::Request& request, const Location&) {
    // All stay as they are while the answer is written.
    const std::shared_ptr<const ClusterSnapshot> nodes = dependencies_.cluster->Get();
    const std::shared_ptr<const ServiceSnapshot> services = dependencies_.services->Get();
    const std::shared_ptr<const RunDecisions> decisions = dependencies_.decisions.board->Get();
    return ClusterAnswer(*nodes, {*services, path_prefix_}, *decisions, dependencies_.collector(),
                         dependencies_.clock->Wall(), request);
  });
  absl::StatusOr<std::unique_ptr<StaticAssets>> assets =
      StaticAssets::Load(dependencies.files, options.webfiles);
  if (assets.ok()) {
    assets_ = *std::move(assets);
  } else {
    webfiles_status_ = assets.status();
  }
}

http::Response HttpApi::Handle(const http::Request& request) const {
  if (std::optional<http::Response> health = HealthAnswer(dependencies_.health, request.path)) {
    return *std::move(health);
  }
  const std::optional<Location> location = Locate(request.raw_path, path_prefix_);
  if (!location.has_value()) return NotFound();
  if (location->path.empty()) {
    http::Response response;
    response.status = 301;
    response.headers.emplace_back("Location", absl::StrCat(location->script_root, "/"));
    ForbidReuse(&response);
    return response;
  }
  if (std::optional<http::Response> health = HealthAnswer(dependencies_.health, location->path)) {
    return *std::move(health);
  }
  if (!FeatureFlagsAreSound(request)) {
    return ErrorAnswer(absl::InvalidArgumentError("feature flags must be a JSON object"));
  }
  if (const Router::Route* route = router_.Find(location->path)) {
    return AnswerInView(*route, request, *location);
  }
  if (assets_ != nullptr) {
    if (std::optional<http::Response> asset = assets_->Answer(request, *location)) {
      return *std::move(asset);
    }
  } else if (location->path == "/" || location->path == "/index.html") {
    return StaticAssets::MissingPage(webfiles_status_);
  }
  return NotFound();
}

http::Response HttpApi::AnswerInView(const Router::Route& route, const http::Request& request,
                                     Location location) const {
  switch (location.view) {
    case Location::View::kAll:
      location.index = dependencies_.index;
      return AnswerRoute(route, request, location, "a");
    case Location::View::kBelow: {
      const std::unique_ptr<const IndexReader> below =
          dependencies_.index->Below(location.name_space);
      location.index = below.get();
      return AnswerRoute(route, request, location,
                         absl::StrFormat("b%08x", Crc32c(location.name_space)));
    }
    case Location::View::kMain:
      break;
  }
  const std::shared_ptr<const MainView::Snapshot> main = main_view_->Get();
  location.index = main->reader == nullptr ? dependencies_.index : main->reader.get();
  return AnswerRoute(route, request, location, absl::StrCat("m", main->number));
}

http::Response HttpApi::AnswerRoute(const Router::Route& route, const http::Request& request,
                                    const Location& location, absl::string_view view_tag) const {
  if (!route.of_index || (request.method != "GET" && request.method != "HEAD")) {
    return route.answer(request, location);
  }
  // The version is taken before the data is read: what is newer than its tag is only asked for
  // once more.
  const std::string etag = absl::StrFormat("W/\"%x-%d-%s\"", dependencies_.start_nonce,
                                           location.index->version(), view_tag);
  if (HasCurrent(request, etag)) {
    http::Response response;
    response.status = 304;
    response.headers.emplace_back("ETag", etag);
    ForbidReuse(&response);
    return response;
  }
  http::Response response = route.answer(request, location);
  if (response.status == 200) response.headers.emplace_back("ETag", etag);
  return response;
}

}  // namespace tributary::serve
