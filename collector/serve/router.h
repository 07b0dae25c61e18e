// From a request to the route that answers it.
#ifndef TRIBUTARY_COLLECTOR_SERVE_ROUTER_H_
#define TRIBUTARY_COLLECTOR_SERVE_ROUTER_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/http/message.h"

namespace tributary::serve {

// Where a request stands below the server's root.
struct Location {
  std::string path;  // "/data/runs": neither prefix nor experiment, no slash at its end but for "/"
  // What was taken off: "", "/tb", "/tb/experiment/x". Decoded.
  std::string script_root;
  // From the page's folder to the prefix: "./", "../../".
  std::string relative_root;
};

// Takes the path prefix off, then "/experiment/<id>", twice if it is there twice: the stock page
// opened below an experiment asks so. nullopt if the path is not below the prefix. An empty `path`
// means that the folder's slash is missing.
std::optional<Location> Locate(absl::string_view path, absl::string_view path_prefix);

// Constant once filled; then thread-safe.
class Router {
 public:
  using Answer = std::function<http::Response(const http::Request&, const Location&)>;
  struct Route {
    Answer answer;
    // The answer to a GET depends on the request and the index only, so that it may carry an ETag.
    bool of_index = false;
  };

  // Adds a route by its exact path, which must be new.
  void Add(std::string path, bool of_index, Answer answer);
  // Null if there is none.
  const Route* Find(absl::string_view path) const;

 private:
  absl::flat_hash_map<std::string, Route> routes_;
};

// Whether a request's feature flags, in the header or the query, are a JSON object or absent.
bool FeatureFlagsAreSound(const http::Request& request);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_ROUTER_H_
