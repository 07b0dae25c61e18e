// Reads records of one stream back from its mirror file, for whoever serves them.
#ifndef TRIBUTARY_COLLECTOR_INGEST_MIRROR_SOURCE_H_
#define TRIBUTARY_COLLECTOR_INGEST_MIRROR_SOURCE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "collector/index/index.h"
#include "common/file.h"

namespace tributary {

// Thread-safe. Opens the file for each read: a collector has more streams than descriptors.
class MirrorSource : public RecordSource {
 public:
  // `files` must outlive this.
  MirrorSource(FileSystem* files, std::string path) : files_(files), path_(std::move(path)) {}

  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t length_bytes) override;

 private:
  FileSystem* const files_;
  const std::string path_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_MIRROR_SOURCE_H_
