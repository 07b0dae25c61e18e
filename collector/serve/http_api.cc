#include "collector/serve/http_api.h"

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "collector/serve/answers.h"
#include "collector/serve/cluster.h"
#include "collector/serve/series.h"

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

std::string EncodePath(absl::string_view path) {
  std::string encoded;
  for (const absl::string_view segment : absl::StrSplit(path, '/')) {
    absl::StrAppend(&encoded, encoded.empty() && segment.empty() ? "" : "/",
                    http::PercentEncode(segment));
  }
  return encoded;
}

}  // namespace

HttpApi::HttpApi(const Options& options, const Dependencies& dependencies)
    : path_prefix_(absl::StripSuffix(options.path_prefix, "/")),
      dependencies_(dependencies),
      core_({options.window_title, options.data_location, options.tensorboard_version},
            dependencies.index,
            [this] {
              const bool has_page = assets_ != nullptr && assets_->Has(kProjectorModule);
              return has_page && projector_.HasData();
            }),
      scalars_(dependencies.index, options.samples_per_plugin),
      timeseries_(dependencies.index, options.samples_per_plugin),
      histograms_(dependencies.index),
      images_(dependencies.index, options.samples_per_plugin),
      hparams_(dependencies.index, options.samples_per_plugin),
      pr_curves_(dependencies.index, options.samples_per_plugin),
      mesh_(dependencies.index, options.samples_per_plugin),
      custom_scalars_(dependencies.index, options.samples_per_plugin),
      graphs_(dependencies.index),
      projector_(dependencies.index, dependencies.files, options.log_roots) {
  core_.AddRoutes(&router_);
  scalars_.AddRoutes(&router_);
  timeseries_.AddRoutes(&router_);
  histograms_.AddRoutes(&router_);
  images_.AddRoutes(&router_);
  hparams_.AddRoutes(&router_);
  pr_curves_.AddRoutes(&router_);
  mesh_.AddRoutes(&router_);
  custom_scalars_.AddRoutes(&router_);
  graphs_.AddRoutes(&router_);
  projector_.AddRoutes(&router_);
  router_.Add("/api/v1/series", true, [this](const http::Request& request, const Location&) {
    return SeriesAnswer(*dependencies_.index, request);
  });
  router_.Add("/api/v1/cluster", false, [this](const http::Request& request, const Location&) {
    return ClusterAnswer(*dependencies_.cluster->Get(), dependencies_.clock->Wall(), request);
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
  const std::optional<Location> location = Locate(request.path, path_prefix_);
  if (!location.has_value()) return NotFound();
  if (location->path.empty()) {
    http::Response response;
    response.status = 301;
    response.headers.emplace_back("Location", absl::StrCat(EncodePath(location->script_root), "/"));
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
    return AnswerRoute(*route, request, *location);
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

http::Response HttpApi::AnswerRoute(const Router::Route& route, const http::Request& request,
                                    const Location& location) const {
  if (!route.of_index || (request.method != "GET" && request.method != "HEAD")) {
    return route.answer(request, location);
  }
  // The version is taken before the data is read: what is newer than its tag is only asked for
  // once more.
  const std::string etag =
      absl::StrFormat("W/\"%x-%d\"", dependencies_.start_nonce, dependencies_.index->version());
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
