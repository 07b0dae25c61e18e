// Copying parts of mirrors to where a power loss cannot take them back.
#ifndef TRIBUTARY_COLLECTOR_STORE_DURABLE_COPY_H_
#define TRIBUTARY_COLLECTOR_STORE_DURABLE_COPY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/store/mirror_file.h"
#include "common/eventfile/identity.h"
#include "common/file.h"

namespace tributary {

enum class SyncCopy { kNo, kYes };

// Copies `range` of the file `from` to the new file `to`, replacing what is there, and reads the
// copy back. With kYes the copy's bytes, not its name, are durable after OK. DataLoss if `from` is
// shorter or the copy reads otherwise; else the file system's error. No copy is left after an
// error.
absl::Status CopyRange(FileSystem* files, const std::string& from, const ByteRange& range,
                       const std::string& to, SyncCopy sync);

// Makes the names of `directory` and of what is above it durable, up to and with `top`, which must
// be a prefix of it.
absl::Status SyncDirectoryChain(FileSystem* files, std::string directory, const std::string& top);

// Puts a new inode with exactly the durable bytes of the mirror in its place, checked against the
// registered fingerprint. The mirror's unsynced bytes are gone after OK. After an error the old
// inode may or may not have its name still; its durable bytes are untouched either way.
absl::Status SealMirror(FileSystem* files, const std::string& data_dir, const MirrorFile& stream);

// A name for a new file `directory`/`name` that is not taken: `name`, or `name`~2, … The file
// system's error where it does not say.
absl::StatusOr<std::string> FreeName(FileSystem* files, const std::string& directory,
                                     const std::string& name);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_DURABLE_COPY_H_
