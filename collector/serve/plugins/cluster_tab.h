// The Cluster tab: a page of our own inside the stock UI.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CLUSTER_TAB_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CLUSTER_TAB_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "collector/registry/cluster_board.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

// A file of collector/serve/cluster_tab/, put into the program when it is built.
struct EmbeddedFile {
  absl::string_view name;
  absl::string_view bytes;
};
absl::Span<const EmbeddedFile> ClusterTabFiles();

// The page is static: it asks /api/v1/ for all that it shows. Thread-safe; its routes live as long
// as it does.
class ClusterTab {
 public:
  static constexpr absl::string_view kId = "cluster";
  static constexpr absl::string_view kTabName = "Cluster";
  static constexpr absl::string_view kModule = "/data/plugin/cluster/main.js";

  enum class Place {
    kAbsent,
    kFirst,  // and so the tab that is opened
    kLast,
  };

  // `board` must outlive this. Without a store no node can join, no name is kept and no port
  // leased: then there is nothing to show and no tab.
  ClusterTab(const ClusterBoard* board, bool has_store) : board_(board), has_store_(has_store) {}

  void AddRoutes(Router* router) const;

  // Where its tab stands among the others. First only while an agent is connected, and not in the
  // view of one name space: who opens a job wants its charts.
  Place PlaceIn(const Location& location) const;

  // The page that the UI puts into the tab's frame.
  http::Response EntryPage() const;

 private:
  const ClusterBoard* const board_;
  const bool has_store_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CLUSTER_TAB_H_
