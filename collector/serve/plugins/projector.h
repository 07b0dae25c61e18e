// The Projector dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "collector/serve/plugins/projector_files.h"
#include "collector/serve/router.h"
#include "common/file.h"
#include "common/http/message.h"

namespace tributary::serve {

// Its data are files beside the event files, found by the names of runs and read for each request.
//
// Thread-safe. Its routes live as long as it does.
class ProjectorPlugin {
 public:
  // `files` must outlive this.
  ProjectorPlugin(FileSystem* files, std::vector<LogRoot> roots)
      : files_(files), roots_(std::move(roots)) {}

  void AddRoutes(Router* router) const;
  // Whether a run has something to show: looks for the configuration of each run.
  bool HasData(const IndexReader& index) const { return !Projections(index, true).empty(); }

 private:
  std::vector<Projection> Projections(const IndexReader& index, bool first_only) const;
  std::optional<Projection> Find(const std::string& run, const IndexReader& index) const;
  absl::StatusOr<Projection> ProjectionOf(const http::Request& request,
                                          const IndexReader& index) const;
  absl::StatusOr<http::Response> Runs(const http::Request& request, const IndexReader& index) const;
  absl::StatusOr<http::Response> Info(const http::Request& request, const IndexReader& index) const;
  absl::StatusOr<http::Response> Tensor(const http::Request& request,
                                        const IndexReader& index) const;
  absl::StatusOr<http::Response> Metadata(const http::Request& request,
                                          const IndexReader& index) const;
  absl::StatusOr<http::Response> Bookmarks(const http::Request& request,
                                           const IndexReader& index) const;
  absl::StatusOr<http::Response> SpriteImage(const http::Request& request,
                                             const IndexReader& index) const;

  FileSystem* const files_;
  const std::vector<LogRoot> roots_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_H_
