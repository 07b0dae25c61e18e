#include "collector/serve/plugins/core.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/csp.h"
#include "collector/serve/json_writer.h"

namespace tributary::serve {
namespace {

// The plugin of these routes: it has no tab.
constexpr absl::string_view kCore = "core";
// The only one of TensorBoard's with a page of its own, in a frame.
constexpr absl::string_view kProjector = "projector";

struct Dashboard {
  absl::string_view id;
  absl::string_view tab_name;
  absl::string_view element;  // empty: part of the page itself
  // It is enabled if a series of one of these plugins exists.
  std::array<absl::string_view, 5> plugins;
  // The page does not ask again while it is open.
  bool disable_reload = false;
};

// In the order of the tabs; the first enabled one is opened. Those without plugins are never
// enabled: the page says how to get what they need.
constexpr std::array<Dashboard, 16> kDashboards = {{
    {"timeseries", "Time Series", "", {"scalars", "histograms", "images"}},
    {"scalars", "scalars", "tf-scalar-dashboard", {"scalars"}},
    {"custom_scalars", "Custom Scalars", "tf-custom-scalar-dashboard", {"custom_scalars"}},
    {"images", "images", "tf-image-dashboard", {"images"}},
    {"audio", "audio", "tf-audio-dashboard", {"audio"}},
    {"debugger-v2", "Debugger V2", "", {}},
    {"graphs",
     "graphs",
     "tf-graph-dashboard",
     {"graphs", "graph_run_metadata", "graph_run_metadata_graph", "graph_keras_model",
      "graph_tagged_run_metadata"},
     true},
    {"distributions", "distributions", "tf-distribution-dashboard", {"histograms"}},
    {"histograms", "histograms", "tf-histogram-dashboard", {"histograms"}},
    {"text", "text", "tf-text-dashboard", {"text"}},
    {"pr_curves", "PR Curves", "tf-pr-curve-dashboard", {"pr_curves"}},
    {"profile_redirect", "Profile", "tf-profile-redirect-dashboard", {}},
    {"hparams", "hparams", "tf-hparams-dashboard", {"hparams"}},
    {"mesh", "mesh", "mesh-dashboard", {"mesh"}},
    {"wit_redirect", "What-If Tool", "tf-wit-redirect-dashboard", {}},
    {kProjector, "projector", "", {}, true},
}};

// An entry of the listing. With an element or a module it is a part of its own, else one of the
// page.
struct Tab {
  absl::string_view id;
  absl::string_view name;
  bool disable_reload = false;
  bool enabled = false;
  absl::string_view element = {};
  std::string module = {};  // of a page in a frame
};

void WriteTab(const Tab& tab, JsonWriter* writer) {
  writer->Key(tab.id);
  writer->BeginObject();
  writer->Key("disable_reload");
  writer->Bool(tab.disable_reload);
  writer->Key("enabled");
  writer->Bool(tab.enabled);
  writer->Key("remove_dom");
  writer->Bool(false);
  writer->Key("tab_name");
  writer->String(tab.name);
  writer->Key("loading_mechanism");
  writer->BeginObject();
  writer->Key("type");
  writer->String(!tab.module.empty()    ? "IFRAME"
                 : !tab.element.empty() ? "CUSTOM_ELEMENT"
                                        : "NG_COMPONENT");
  if (!tab.module.empty()) {
    writer->Key("module_path");
    writer->String(tab.module);
  }
  if (!tab.element.empty()) {
    writer->Key("element_name");
    writer->String(tab.element);
  }
  writer->EndObject();
  writer->EndObject();
}

void WriteClusterTab(const Location& location, JsonWriter* writer) {
  Tab tab = {ClusterTab::kId, ClusterTab::kTabName, false, true};
  tab.module = absl::StrCat(location.script_root, ClusterTab::kModule);
  WriteTab(tab, writer);
}

http::Response Redirect(std::string to) {
  http::Response response;
  response.status = 302;
  response.headers.emplace_back("Location", std::move(to));
  ForbidReuse(&response);
  return response;
}

}  // namespace

void CorePlugin::AddRoutes(Router* router) const {
  router->Add("/data/environment", false,
              [this](const http::Request&, const Location&) { return Environment(); });
  router->Add("/data/runs", true,
              [this](const http::Request&, const Location& at) { return Runs(*at.index); });
  // Files make the projector's answer, not the index.
  router->Add(
      "/data/plugins_listing", false,
      [this](const http::Request&, const Location& location) { return PluginsListing(location); });
  router->Add("/data/plugin_entry.html", false,
              [this](const http::Request& request, const Location& at) {
                return PluginEntry(request, at);
              });
  // Of other builds of TensorBoard, and of clients as old.
  for (const char* path : {"/data/experiments", "/data/experiment_runs"}) {
    router->Add(path, false, [](const http::Request&, const Location&) {
      JsonWriter writer;
      writer.BeginArray();
      writer.EndArray();
      return JsonAnswer(&writer);
    });
  }
  // There are no runs of the debugger: the page then tells how to make some.
  router->Add("/data/plugin/debugger-v2/runs", false, [](const http::Request&, const Location&) {
    JsonWriter writer;
    writer.BeginObject();
    writer.EndObject();
    return JsonAnswer(&writer);
  });
  const auto one_text = [](absl::string_view key, const std::string& value) {
    return [key, value](const http::Request&, const Location&) {
      JsonWriter writer;
      writer.BeginObject();
      writer.Key(key);
      writer.String(value);
      writer.EndObject();
      return JsonAnswer(&writer);
    };
  };
  router->Add("/data/logdir", false, one_text("logdir", options_.data_location));
  router->Add("/data/window_properties", false, one_text("window_title", options_.window_title));
  router->Add("/data/notifications", false, [](const http::Request&, const Location&) {
    return Redirect("../notifications_note.json");
  });
  for (const char* path : {"/audio", "/events", "/graphs", "/histograms", "/images"}) {
    router->Add(path, false, [](const http::Request&, const Location& location) {
      return Redirect(absl::StrCat(location.script_root, "/"));
    });
  }
}

http::Response CorePlugin::Environment() const {
  JsonWriter writer;
  writer.BeginObject();
  for (const auto& [key, value] :
       std::initializer_list<std::pair<absl::string_view, absl::string_view>>{
           {"version", options_.version},
           {"data_location", options_.data_location},
           {"window_title", options_.window_title},
           {"experiment_name", ""},
           {"experiment_description", ""}}) {
    writer.Key(key);
    writer.String(value);
  }
  writer.Key("creation_time");
  writer.Int(0);
  writer.EndObject();
  return JsonAnswer(&writer);
}

http::Response CorePlugin::Runs(const IndexReader& index) const {
  JsonWriter writer;
  writer.BeginArray();
  for (const RunInfo& run : index.Runs()) writer.String(run.name.value());
  writer.EndArray();
  return JsonAnswer(&writer);
}

http::Response CorePlugin::PluginsListing(const Location& location) const {
  const std::vector<std::string> present = location.index->Plugins();
  const ClusterTab::Place cluster = cluster_->PlaceIn(location);
  JsonWriter writer;
  writer.BeginObject();
  if (cluster == ClusterTab::Place::kFirst) WriteClusterTab(location, &writer);
  for (const Dashboard& dashboard : kDashboards) {
    const bool is_projector = dashboard.id == kProjector;
    bool enabled = std::any_of(
        dashboard.plugins.begin(), dashboard.plugins.end(), [&present](absl::string_view plugin) {
          return !plugin.empty() && std::binary_search(present.begin(), present.end(), plugin);
        });
    if (is_projector) enabled = projector_has_data_(location);
    Tab tab = {dashboard.id, dashboard.tab_name, dashboard.disable_reload, enabled};
    tab.element = dashboard.element;
    if (is_projector) {
      tab.module = absl::StrCat(location.script_root, "/data/plugin/projector/index.js");
    }
    WriteTab(tab, &writer);
  }
  if (cluster == ClusterTab::Place::kLast) WriteClusterTab(location, &writer);
  writer.EndObject();
  return JsonAnswer(&writer);
}

http::Response CorePlugin::PluginEntry(const http::Request& request, const Location& at) const {
  const absl::string_view name = request.QueryValue("name").value_or("");
  if (name == ClusterTab::kId && cluster_->PlaceIn(at) != ClusterTab::Place::kAbsent) {
    return cluster_->EntryPage();
  }
  if (name == kProjector) {
    http::Response response;
    response.content_type = "text/html; charset=utf-8";
    response.headers.emplace_back("Content-Security-Policy", kPluginEntryPolicy);
    ForbidReuse(&response);
    response.body = absl::StrCat("<!doctype html><head><base href=\"plugin/", name,
                                 "/\"></head><body><script type=\"module\">", kPluginEntryScript,
                                 "</script></body>\n");
    return response;
  }
  const bool known = name == kCore || std::any_of(kDashboards.begin(), kDashboards.end(),
                                                  [name](const Dashboard& dashboard) {
                                                    return dashboard.id == name;
                                                  });
  if (!known) return ErrorAnswer(absl::NotFoundError(absl::StrCat("no plugin \"", name, "\"")));
  return ErrorAnswer(
      absl::InvalidArgumentError(absl::StrCat("plugin \"", name, "\" has no page of its own")));
}

}  // namespace tributary::serve
