// The Projector dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_H_

#include <memory>
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

// Its data are files beside the event files, read for each request. Where configurations are, the
// boards tell, by the names that the runs came with: no file system is asked about runs without
// one, of which there may be very many. A directory of an agent with a configuration and without
// events is shown too, as a run of its name.
//
// Thread-safe. Its routes live as long as it does.
class ProjectorPlugin {
 public:
  // All must outlive this; the boards, of agents' runs and of local ones, may be null.
  ProjectorPlugin(FileSystem* files, const ProjectorBoard* board, const ProjectorBoard* local)
      : files_(files), board_(board), local_(local) {}

  void AddRoutes(Router* router) const;
  // Whether a run has something to show.
  bool HasData(const Location& at) const { return !Projections(at, true).empty(); }

 private:
  // As they are for one request.
  struct Boards {
    std::shared_ptr<const ProjectorBoard::Places> agents;
    std::shared_ptr<const ProjectorBoard::Places> local;
  };
  Boards Read() const;
  std::vector<Projection> Projections(const Location& at, bool first_only) const;
  std::optional<Projection> Find(const std::string& run, const Location& at,
                                 const Boards& boards) const;
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
  const ProjectorBoard* const board_;
  const ProjectorBoard* const local_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_H_
