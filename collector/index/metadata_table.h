// Keeps one copy of equal metadata: thousands of scalar series share theirs.
#ifndef TRIBUTARY_COLLECTOR_INDEX_METADATA_TABLE_H_
#define TRIBUTARY_COLLECTOR_INDEX_METADATA_TABLE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "collector/index/index.h"
#include "common/mutex.h"

namespace tributary {

// Thread-safe. Asked once for each new series, never for a record.
class MetadataTable {
 public:
  std::shared_ptr<const SeriesMetadata> Share(SeriesMetadata metadata) ABSL_LOCKS_EXCLUDED(mu_) {
    const size_t bytes = metadata.plugin_name.size() + metadata.plugin_content.size() +
                         metadata.display_name.size() + metadata.description.size();
    // Long ones differ (hyperparameters) or belong to few series.
    if (bytes > kSharedBytesMax) {
      return std::make_shared<const SeriesMetadata>(std::move(metadata));
    }
    std::string key = absl::StrCat(
        static_cast<int>(metadata.data_class), ",", metadata.plugin_name.size(), ",",
        metadata.plugin_content.size(), ",", metadata.display_name.size(), ",",
        metadata.plugin_name, metadata.plugin_content, metadata.display_name, metadata.description);
    MutexLock lock(&mu_);
    std::weak_ptr<const SeriesMetadata>& known = known_[std::move(key)];
    std::shared_ptr<const SeriesMetadata> shared = known.lock();
    if (shared == nullptr) {
      shared = std::make_shared<const SeriesMetadata>(std::move(metadata));
      known = shared;
    }
    if (known_.size() > kEntriesMax) {
      absl::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
      if (known_.size() > kEntriesMax) known_.clear();
    }
    return shared;
  }

 private:
  static constexpr size_t kSharedBytesMax = 256;
  static constexpr size_t kEntriesMax = 10'000;

  Mutex mu_;
  absl::flat_hash_map<std::string, std::weak_ptr<const SeriesMetadata>> known_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_METADATA_TABLE_H_
