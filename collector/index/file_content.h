// What was read from one event file, as readers see it.
#ifndef TRIBUTARY_COLLECTOR_INDEX_FILE_CONTENT_H_
#define TRIBUTARY_COLLECTOR_INDEX_FILE_CONTENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/index/index.h"
#include "collector/index/reference_column.h"
#include "collector/index/scalar_column.h"
#include "common/mutex.h"

namespace tributary {

// The values of one tag in one file. The columns are read under the lock of the FileContent.
struct FileSeries {
  FileSeries(absl::string_view the_tag, std::shared_ptr<const SeriesMetadata> the_metadata,
             bool has_no_metadata)
      : tag(the_tag), metadata(std::move(the_metadata)), undeclared(has_no_metadata) {
    const DataClass data_class = metadata->data_class;
    if (undeclared || data_class == DataClass::kScalar) {
      scalars = std::make_unique<ScalarColumn>();
    }
    if (undeclared || data_class == DataClass::kTensor || data_class == DataClass::kBlobSequence) {
      references = std::make_unique<ReferenceColumn>();
    }
  }

  // Constant.
  const std::string tag;
  const std::shared_ptr<const SeriesMetadata> metadata;
  // A tensor without metadata began it: another file of the run may tell its class. Until then its
  // values are kept both ways.
  const bool undeclared;
  std::unique_ptr<ScalarColumn> scalars;        // null if it can have none
  std::unique_ptr<ReferenceColumn> references;  // null if it can have none

  // Of the writer.
  bool dirty = false;
  FileSeries* follower = nullptr;  // whose value came after the last of ours
};

// One generation of one file. The writer publishes under `mu`; readers take under `mu`. Lives as
// long as a reader holds it.
struct FileContent {
  struct Facts {
    uint64_t indexed_bytes = 0;
    uint64_t boundary_offset = 0;
    uint64_t records = 0;
    uint64_t skipped_values = 0;
    bool framing_holds = true;
    bool at_zeros = false;
    bool stuck_at_zeros = false;
    std::optional<double> first_wall_time;  // finite
    std::optional<double> start_time;       // the smallest finite wall time
    double newest_time = 0;                 // the greatest finite wall time
    std::optional<Damage> pending_damage;
  };

  mutable Mutex mu;
  Facts facts ABSL_GUARDED_BY(mu);
  std::vector<Damage> damage ABSL_GUARDED_BY(mu);
  std::vector<std::unique_ptr<FileSeries>> series ABSL_GUARDED_BY(mu);
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_FILE_CONTENT_H_
