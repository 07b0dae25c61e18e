// Which machine has which node name.
#ifndef TRIBUTARY_COLLECTOR_STORE_NODE_NAMES_H_
#define TRIBUTARY_COLLECTOR_STORE_NODE_NAMES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/registry/registry.h"
#include "collector/store/rows.h"

namespace tributary {

// The rows node/<name> in memory. Owned by the commit thread.
class NodeNames {
 public:
  struct Machine {
    std::string machine_id;  // empty: unknown
    std::string boot_id;
  };
  // The name for `machine`, and the row that must be committed before it is told to anybody, if one
  // must. Nothing is changed.
  struct Choice {
    std::string name;
    bool changed = false;
    NodeRow row;
  };

  // Rows that are damaged are left out: their machines get names as new ones do.
  absl::Status Load(Registry* registry);

  // As Store::AssignNode. AlreadyExists if two live machines cannot be told apart.
  absl::StatusOr<Choice> Choose(absl::string_view wanted, const Machine& machine,
                                bool wanted_is_live_elsewhere) const;
  // The registry has the choice.
  void Set(const Choice& choice) { rows_[choice.name] = choice.row; }

 private:
  std::map<std::string, NodeRow, std::less<>> rows_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_NODE_NAMES_H_
