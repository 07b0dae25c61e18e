// The Projector dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "collector/registry/projector_board.h"
#include "collector/serve/plugins/projector_files.h"
#include "collector/serve/router.h"
#include "common/file.h"
#include "common/http/message.h"

namespace tributary::serve {

// Its data are files beside the event files, read for each request: those of local runs are found
// by the names that the runs came with, those of agents on the board. A directory of an agent with
// a configuration and without events is shown too, as a run of its name.
//
// Thread-safe. Its routes live as long as it does.
class ProjectorPlugin {
 public:
  // `files` and `board` must outlive this; `board` may be null.
  ProjectorPlugin(FileSystem* files, std::vector<LogRoot> roots, const ProjectorBoard* board)
      : files_(files), roots_(std::move(roots)), board_(board) {}

  void AddRoutes(Router* router) const;
  // Whether a run has something to show: looks for the configuration of each run.
  bool HasData(const Location& at) const { return !Projections(at, true).empty(); }

 private:
  std::vector<Projection> Projections(const Location& at, bool first_only) const;
  std::optional<Projection> Find(const std::string& run, const Location& at) const;
  absl::StatusOr<Projection> ProjectionOf(const http::Request& request, const Location& at) const;
  absl::StatusOr<http::Response> Runs(const http::Request& request, const Location& at) const;
  absl::StatusOr<http::Response> Info(const http::Request& request, const Location& at) const;
  absl::StatusOr<http::Response> Tensor(const http::Request& request, const Location& at) const;
  absl::StatusOr<http::Response> Metadata(const http::Request& request, const Location& at) const;
  absl::StatusOr<http::Response> Bookmarks(const http::Request& request, const Location& at) const;
  absl::StatusOr<http::Response> SpriteImage(const http::Request& request,
                                             const Location& at) const;

  // The name that a run of this name has in the view; nullopt if it is not in it.
  static std::optional<std::string> NameInView(const std::string& run, const Location& at);
  static std::string NameBehindView(const std::string& name, const Location& at);

  FileSystem* const files_;
  const std::vector<LogRoot> roots_;
  const ProjectorBoard* const board_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_H_
