// From a request to the route that answers it.
#ifndef TRIBUTARY_COLLECTOR_SERVE_ROUTER_H_
#define TRIBUTARY_COLLECTOR_SERVE_ROUTER_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "collector/index/index_reader.h"
#include "common/http/message.h"

namespace tributary::serve {

// Where a request stands below the server's root.
struct Location {
  enum class View {
    kMain,   // the runs that are shown first
    kAll,    // "/all"
    kBelow,  // "/ns/<name space>", its slashes encoded
  };
  View view = View::kMain;
  // Of kBelow, decoded: "4711/node0".
  std::string name_space;
  std::string path;  // "/data/runs": neither prefix nor view nor experiment, no slash at its end
                     // but for "/"
  // What was taken off, percent-encoded: "", "/tb", "/tb/ns/4711%2Fnode0/experiment/x".
  std::string script_root;
  // From the page's folder to the prefix and view: "./", "../../".
  std::string relative_root;
  // The runs of the view. Set for whoever answers a route, for as long as it answers.
  const IndexReader* index = nullptr;
};

// Slashes at the beginning count as one, before and after what is taken off: the path prefix, then
// the view, then "/experiment/<id>", twice if it is there twice: the stock page opened below an
// experiment asks so. `raw_path` is as it was sent. nullopt if the path is not below the prefix, or
// names no name space after "/ns/". An empty `path` means that the folder's slash is missing.
std::optional<Location> Locate(absl::string_view raw_path, absl::string_view path_prefix);

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
