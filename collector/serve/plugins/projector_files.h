// The files of the Projector dashboard: a run's configuration and what it names.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_FILES_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "tensorboard/plugins/projector_config.pb.h"

namespace tributary::serve {

// Largest file of one dashboard that is read, in bytes.
inline constexpr uint64_t kProjectorFileBytesMax = 512u << 20;

struct Projection {
  std::string run;
  std::string directory;  // of the configuration
  tensorboard::projector::ProjectorConfig config;
};

// Rows of equal length.
struct Matrix {
  size_t rows = 0;
  size_t columns = 0;
  std::vector<float> values;  // row by row
};

// The configuration of a run; nullopt if none of these directories has one with tensor files or a
// checkpoint. The last one wins; of one directory, that in the folder of the plugin's assets. A
// shape that the configuration does not say is taken from the tensor's file.
std::optional<Projection> FindProjection(FileSystem* files,
                                         const std::vector<std::string>& directories,
                                         const std::string& run);

// Null if there is none of this name; ":0" at its end does not count.
const tensorboard::projector::EmbeddingInfo* FindEmbedding(const Projection& projection,
                                                           absl::string_view name);

// The bytes of a file that the configuration names. InvalidArgument if it cannot be read, or if it
// lies outside the configuration's directory, links followed.
absl::StatusOr<std::string> ReadAsset(FileSystem* files, const Projection& projection,
                                      const std::string& path);

// TSV, or float32 values where the embedding says their shape. InvalidArgument for neither.
absl::StatusOr<Matrix> ParseTensor(const tensorboard::projector::EmbeddingInfo& embedding,
                                   absl::string_view bytes);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PROJECTOR_FILES_H_
