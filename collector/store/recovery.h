// Makes mirrors and rows agree after whatever happened: at Open, and when a new stream takes over a
// file that has no row. FORMAT.md has the rules and why each is safe.
#ifndef TRIBUTARY_COLLECTOR_STORE_RECOVERY_H_
#define TRIBUTARY_COLLECTOR_STORE_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/store/committer.h"
#include "collector/store/mirror_file.h"
#include "common/file.h"

namespace tributary {

// On the commit thread; lives for one Run.
class Recovery {
 public:
  struct Dependencies {
    FileSystem* files;
    Committer* committer;
  };
  Recovery(const std::string& data_dir, bool sync_each, const Dependencies& dependencies)
      : data_dir_(data_dir), sync_each_(sync_each), deps_(dependencies) {}

  // Recovers all streams with one sync and one transaction. A stream whose files cannot be read or
  // written is stopped and the others go on. Returns those for which there was no room: they await
  // the disk, with what is durable of them, and are to be recovered again. Fails with the
  // registry's error only, never for want of room.
  absl::StatusOr<std::vector<std::shared_ptr<MirrorFile>>> Run(
      const std::vector<std::shared_ptr<MirrorFile>>& streams);

 private:
  // What is to be done to one mirror.
  struct Plan {
    std::shared_ptr<MirrorFile> stream;
    MarkRow mark;
    bool changed = false;  // the row
    bool name_undurable = false;
    bool cut = false;  // to mark's offset
    bool written = false;
    std::string aside = {};  // the copy of what will be cut, until it counts
  };

  absl::Status Inspect(Plan* plan);
  absl::Status FinishAside(Plan* plan);
  absl::Status LowerTo(uint64_t size_bytes, Plan* plan);
  absl::Status CheckFingerprint(Plan* plan);
  absl::Status KeepTail(uint64_t size_bytes, Plan* plan);
  absl::Status SetAside(const ByteRange& range, Plan* plan);
  // The bytes are marked dirty once more: a sync that failed before the restart had left them
  // clean, and not on the disk.
  absl::Status Rewrite(const ByteRange& range, Plan* plan);
  // Steps 2 and 3: what was written, then what is cut.
  absl::Status SyncWritten(std::vector<Plan>* plans);
  absl::Status CutAndSync(std::vector<Plan>* plans);
  // The stream stops, or awaits the disk.
  void Fail(Plan* plan, const absl::Status& why);

  const std::string data_dir_;
  const bool sync_each_;
  const Dependencies deps_;
  std::vector<std::shared_ptr<MirrorFile>> left_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_RECOVERY_H_
