// Where configurations of the Projector stand: one board for those of agents, one for those of
// local directories. Ingest adds, serve reads; they meet only here.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_PROJECTOR_BOARD_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_PROJECTOR_BOARD_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/mutex.h"

namespace tributary {

// Thread-safe. A run's files may lie beside its event files, and in the folder of the plugin's
// assets below, which comes later in the order of names.
class ProjectorBoard {
 public:
  // By run: directories with a configuration. The file itself may still be on its way.
  using Places = std::map<std::string, std::set<std::string>>;

  static constexpr absl::string_view kConfigFile = "projector_config.pbtxt";
  static constexpr absl::string_view kAssetsFolder = "plugins/org_tensorflow_tensorboard_projector";

  // The run of a configuration in the directory of this run name.
  static std::string RunOf(absl::string_view directory) {
    if (directory == kAssetsFolder) return ".";
    return std::string(absl::StripSuffix(directory, absl::StrCat("/", kAssetsFolder)));
  }

  void Add(const std::vector<std::pair<std::string, std::string>>& runs_and_directories)
      ABSL_LOCKS_EXCLUDED(mu_) {
    if (runs_and_directories.empty()) return;
    MutexLock lock(&mu_);
    auto next = std::make_shared<Places>(*places_);
    for (const auto& [run, directory] : runs_and_directories) (*next)[run].insert(directory);
    places_ = std::move(next);
  }
  // Never null.
  std::shared_ptr<const Places> Get() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return places_;
  }

 private:
  mutable Mutex mu_;
  std::shared_ptr<const Places> places_ ABSL_GUARDED_BY(mu_) = std::make_shared<const Places>();
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_PROJECTOR_BOARD_H_
