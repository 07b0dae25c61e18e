// The bytes that agents sent, kept exactly: one mirror file for each stream, and the registry row
// that says how much of it is durable. FORMAT.md gives the layout on disk and the recovery rules.
//
// Threads: each MirrorStream belongs to one shard. What changes it (Append, Fill, AddUnfilled,
// SetBoundary, FingerprintAt) runs on that shard's queue; the plain accessors are thread-safe. The
// Store's own methods run on the `commit` queue, except NoteDirty, which runs on the shard that it
// names. Nothing here starts a thread or waits.
#ifndef TRIBUTARY_COLLECTOR_STORE_STORE_H_
#define TRIBUTARY_COLLECTOR_STORE_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "collector/registry/registry.h"
#include "common/clock.h"
#include "common/eventfile/identity.h"
#include "common/file.h"
#include "common/random.h"
#include "common/types.h"

namespace tributary {

// (node, logdir name, path) is what a stream is; the rest was decided when it was first opened and
// is kept.
struct StreamIdentity {
  std::string node;
  std::string logdir_name;
  std::string path;
  friend auto operator<=>(const StreamIdentity&, const StreamIdentity&) = default;
};

struct StreamRequest {
  StreamIdentity identity;
  // For a new stream: the run it is to belong to, and why.
  RunName run;
  std::string run_why;
  bool merge = false;
};

// The mirror of one stream. On its shard.
class MirrorStream {
 public:
  virtual ~MirrorStream() = default;

  // Constant after the stream was opened.
  virtual StreamId id() const = 0;
  virtual const StreamIdentity& identity() const = 0;
  virtual const RunName& run() const = 0;
  virtual absl::Time run_since() const = 0;
  virtual bool merge() const = 0;
  virtual int shard() const = 0;

  virtual Generation generation() const = 0;
  // Bytes in the mirror: where the next Append must begin or overlap.
  virtual uint64_t received() const = 0;
  virtual uint64_t durable() const = 0;
  virtual std::vector<ByteRange> unfilled() const = 0;
  // Ranges below a registered offset that the disk lost or altered, as recovery found them. They
  // stay listed when the agent has sent them again.
  virtual std::vector<ByteRange> lost() const = 0;
  // How often received() went back or the bytes below it changed their generation while the store
  // was open: a new generation, or a sealed file. Whoever feeds an index from this stream starts it
  // anew from the mirror when this has grown.
  virtual uint64_t rewinds() const = 0;
  // True from the refusal of StartGeneration until it may be tried again.
  virtual bool overwritten() const = 0;
  // Not OK: the mirror cannot be written any more, and why.
  virtual absl::Status health() const = 0;
  // It takes no bytes until the disk has room to put it in order, and what is above durable() until
  // then may be bytes of a former start: not to be offered to an agent, which would take what
  // appears for its own.
  virtual bool awaits_disk() const { return false; }
  // Where the bytes of the current generation can be read.
  virtual const std::string& mirror_path() const = 0;

  // Takes bytes at `offset`. What overlaps bytes that are there is compared, not written. After OK,
  // received() covers them: they are in the file, not yet synced. Fails with
  //   OutOfRange          offset > received(): a gap, nothing taken
  //   AlreadyExists       the overlap differs: nothing taken
  //   ResourceExhausted   no space (or below data_free_min): nothing taken, the file was cut back;
  //                       or the stream waits for room to be sealed or recovered
  //   FailedPrecondition  the stream failed earlier, or is just being sealed by a commit
  //   Internal            the disk refused: the next commit seals the stream (see FORMAT.md)
  virtual absl::Status Append(uint64_t offset, absl::string_view bytes) = 0;

  // Puts bytes where the mirror has zeros (or the same bytes). AlreadyExists if it has others;
  // OutOfRange past received().
  virtual absl::Status Fill(uint64_t offset, absl::string_view bytes) = 0;
  // Remembers ranges that were sent as unfilled zeros; kept with the next commit.
  virtual void AddUnfilled(ByteRange range) = 0;

  // Tells where framing stands: the last record boundary at or below received(), and whether
  // framing holds after it. Call it after the bytes were indexed, with FileIndex::boundary_offset()
  // and framing_holds(); the next NoteDirty takes it into the row, and recovery scans from there.
  // Without it recovery scans from an earlier boundary: slower, not wrong.
  virtual void SetBoundary(uint64_t offset, bool framing_holds) = 0;

  // The fingerprint at min(offset, received()): of the row where it is that of the row, else read
  // from the mirror.
  virtual absl::StatusOr<Fingerprint> FingerprintAt(uint64_t offset) = 0;
};

// What a shard noted of one dirty stream, to be made durable by a commit. Only NoteDirty makes one,
// only Commit looks into it; it keeps the mirror's descriptor open.
struct CommitNote {
  std::shared_ptr<MirrorStream> stream;
  Generation generation;
  uint64_t offset = 0;
  Fingerprint fingerprint;
  uint64_t boundary_offset = 0;
  bool framing_holds = true;
  std::vector<ByteRange> unfilled;
  // Counts the inodes that stood under the stream's name; a note of an earlier one is void.
  uint64_t incarnation = 0;
  // Null where the descriptor was given back before the commit.
  std::shared_ptr<WritableFile> file;
  // The mirror's name was made since the last commit.
  bool new_name = false;
  // The write or an early sync failed: to be sealed, whatever a sync says.
  bool distrusted = false;
};

struct DurableAdvance {
  std::shared_ptr<MirrorStream> stream;
  Generation generation;
  uint64_t durable = 0;
  // The sync failed and the stream was sealed, or is to be once the disk has room for that, or has
  // been by now: received() is `durable`, rewinds() has grown. The agent must open the stream
  // again. If health() is not OK, the stream stopped.
  bool sealed = false;
};

class AssetStore;

class Store {
 public:
  struct Options {
    std::string data_dir;
    int shards = 2;
    // Ingest stops while the file system has less free. Negative: max(1 GiB, 1 %), at most a
    // quarter of it.
    int64_t data_free_min_bytes = -1;
    int open_files_max = 512;
  };
  struct Dependencies {
    FileSystem* files;
    Clock* clock;
    Random* random;
    Registry* registry;
  };

  virtual ~Store() = default;

  // Opens the store, making an empty one where there is none, and recovers: see FORMAT.md. A mirror
  // without a row is kept and belongs to nobody. Errors: the file system's, the registry's,
  // DataLoss for a store that cannot be trusted.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options,
                                                     const Dependencies& dependencies);

  // Random, 32 hexadecimal digits; made with the store.
  virtual const std::string& store_id() const = 0;

  // All streams with a row, after recovery.
  virtual std::vector<std::shared_ptr<MirrorStream>> Streams() = 0;

  // Finds or makes the streams, in one registry transaction: their rows are durable when this
  // returns, before any mirror is made. In the order of the requests. Fails as a whole with the
  // registry's error.
  virtual absl::StatusOr<std::vector<std::shared_ptr<MirrorStream>>> OpenStreams(
      absl::Span<const StreamRequest> requests) = 0;

  // Puts the present generation aside under superseded/ and starts the next at offset 0. The caller
  // makes sure that no Append of the stream runs meanwhile. FailedPrecondition if `differs_from` is
  // not the present generation. ResourceExhausted if more than 3 were started within 10 minutes:
  // the stream is `overwritten`, try in an hour.
  virtual absl::Status StartGeneration(MirrorStream* stream, Generation differs_from) = 0;

  // The node name for a machine: `wanted`, or `wanted~2`, … if other machines hold it; kept for the
  // machine id. The caller has found out whether a live session of another boot id holds it
  // (`wanted_is_live_elsewhere`). AlreadyExists, which says what to do, if the two cannot be told
  // apart. Where the answer is not `wanted`, the caller makes sure that no live session of another
  // boot id holds the answer.
  virtual absl::StatusOr<std::string> AssignNode(absl::string_view wanted,
                                                 absl::string_view machine_id,
                                                 absl::string_view boot_id,
                                                 bool wanted_is_live_elsewhere) = 0;
  // What AssignNode would answer now, but for errors of the registry. Changes nothing.
  virtual absl::StatusOr<std::string> ForeseeNode(absl::string_view wanted,
                                                  absl::string_view machine_id,
                                                  absl::string_view boot_id,
                                                  bool wanted_is_live_elsewhere) = 0;

  // On shard `shard`: the streams that changed since the last call, with offsets and fingerprints
  // as of now. Their descriptors stay open until the commit ended.
  virtual std::vector<CommitNote> NoteDirty(int shard) = 0;

  // Makes the notes durable: syncs mirrors and directories, then one registry transaction, in this
  // order. Streams whose sync failed are sealed, and are in the answer as such; see FORMAT.md. An
  // error (the registry's) advances nothing, and the notes must be given again, or newer ones of
  // the same streams. After any error but ResourceExhausted the registry refuses everything until
  // the store is opened again: end the process.
  virtual absl::StatusOr<std::vector<DurableAdvance>> Commit(std::vector<CommitNote> notes) = 0;

  // A small durable fact of the collector itself ("port"). nullopt if unset.
  virtual absl::StatusOr<std::optional<std::string>> GetSetting(absl::string_view name) = 0;
  virtual absl::Status PutSetting(absl::string_view name, absl::string_view value) = 0;

  // The side files; null where there are none. As old as the store, with threads of its own
  // contract.
  virtual AssetStore* assets() { return nullptr; }

  // Not OK once the outcome of a registry transaction is unknown, in whichever call: the registry
  // refuses everything until the store is opened again, so end the process.
  virtual absl::Status registry_health() { return absl::OkStatus(); }

  // Streams take no bytes until the disk has room to seal or recover them. Commit tries that again,
  // of no notes too: call it from time to time while this is true. On the commit queue.
  virtual bool awaits_disk() { return false; }

  // True while free space is below the bound: refuse bytes, keep serving. Looks at the file system
  // again while it is true: ask from time to time.
  virtual bool full() = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_STORE_H_
