// What the page asks before any dashboard: runs, tabs, environment.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CORE_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CORE_H_

#include <functional>
#include <string>
#include <utility>

#include "collector/index/index_reader.h"
#include "collector/serve/plugins/cluster_tab.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

// Thread-safe. Its routes live as long as it does.
class CorePlugin {
 public:
  struct Options {
    std::string window_title;   // of the browser's window; empty: the page's own
    std::string data_location;  // what is served, as the command line says it
    std::string version;        // the TensorBoard whose page and routes these are
  };
  // `projector_has_data` is asked for each listing. `cluster` must outlive this.
  CorePlugin(const Options& options, std::function<bool(const Location& at)> projector_has_data,
             const ClusterTab* cluster)
      : options_(options), projector_has_data_(std::move(projector_has_data)), cluster_(cluster) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Environment() const;
  http::Response Runs(const IndexReader& index) const;
  http::Response PluginsListing(const Location& location) const;
  http::Response PluginEntry(const http::Request& request, const Location& at) const;

  const Options options_;
  const std::function<bool(const Location& at)> projector_has_data_;
  const ClusterTab* const cluster_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CORE_H_
