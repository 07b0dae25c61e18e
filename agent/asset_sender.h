// Sends side files: which version of which file goes next, and how far the collector is with it.
#ifndef TRIBUTARY_AGENT_ASSET_SENDER_H_
#define TRIBUTARY_AGENT_ASSET_SENDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/eventfile/tailer.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

// One file at a time, from its start to its end, in parts. A file is read once it has not changed
// for a while; one that changes while it is read is given up, and begun again later. Holds no
// bytes: what was not received is read again.
//
// A version is known by size and time of modification. The checksum is that of what was sent, told
// with the last part.
//
// Not thread-safe. Owned by the delivery.
class AssetSender {
 public:
  struct Options {
    // How long a file must have been left alone. In a drain: just long enough that a later write
    // has another time of modification.
    absl::Duration settle = absl::Seconds(1);
    absl::Duration settle_of_drain = absl::Milliseconds(50);
    // A file that never rests is read all the same after so long.
    absl::Duration settle_max = absl::Seconds(30);
    absl::Duration settle_max_of_drain = absl::Seconds(1);
    // What one file that changes again and again takes at most, on average.
    uint64_t repeat_bytes_per_second = 4u << 20;
  };
  // Both outlive this.
  AssetSender(const Options& options, Tailer* tailer, Clock* clock)
      : options_(options), tailer_(tailer), clock_(clock) {}

  // The collector has opened the file, and has `durable` of it, or nothing.
  void Open(TailedFileId id, const std::optional<ingest::v1::AssetVersion>& durable);
  // It is not to be sent now: gone, refused, unreadable. What is on its way of it is forgotten.
  void Hold(TailedFileId id);
  // The tailer reported the file, which is open; or it may be read again after Hold.
  void Changed(TailedFileId id);
  // The session ended.
  void End();
  // A drain began: nothing waits any more.
  void Flush();

  // What Next brought.
  struct Part {
    TailedFileId id = 0;
    // Not OK: the file cannot be read.
    absl::Status error;
    ingest::v1::AssetPart part;
  };
  // The next part of at most `bytes_max` > 0 bytes; nullopt if there is none now.
  std::optional<Part> Next(uint64_t bytes_max);
  // When Next has one by waiting alone; infinite past for at once, infinite if never.
  absl::Duration next_due() const;

  void OnAck(const ingest::v1::AssetAck& ack);

  // The file's present version is durable.
  bool IsDurable(TailedFileId id) const;
  // Or one that was begun after Flush.
  bool IsDrained(TailedFileId id) const;
  // Payload that was sent and not received.
  uint64_t in_flight_bytes() const { return in_flight_bytes_; }
  uint64_t versions_sent() const { return versions_sent_; }

 private:
  struct Version {
    uint64_t size_bytes = 0;
    int64_t modified_unix_nanos = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };
  struct File {
    bool open = false;
    std::optional<Version> durable;
    absl::Duration changed;                       // when it was last seen to change
    std::optional<absl::Duration> waiting_since;  // when it had to be sent first
    absl::Duration not_before = -absl::InfiniteDuration();
    std::optional<absl::Duration> queued;  // its key in queue_
    // On its way, or whole and not yet durable.
    std::optional<Version> sent;
    bool sent_in_drain = false;
    bool drained = false;
    uint64_t in_flight = 0;
  };
  // The file that is being read.
  struct Upload {
    TailedFileId id = 0;
    FileStat stat;
    uint64_t offset = 0;
    uint32_t crc32c = 0;
  };

  static Version VersionOf(const FileStat& stat);
  static Version VersionOf(const ingest::v1::AssetVersion& version);
  // Until when the file may go on changing before it is read all the same.
  absl::Duration PatienceEnd(const File& file) const;
  // Puts the file into the queue, or takes it out.
  void Schedule(TailedFileId id);
  void Unqueue(TailedFileId id, File* file);
  // The version is not to be gone on with.
  void GiveUp(TailedFileId id, File* file);
  void SetInFlight(File* file, uint64_t bytes);
  // Whether the open file is still that of the upload.
  static bool Same(const FileStat& a, const FileStat& b);
  // Makes the file the upload, if it is what it was when it was looked at.
  absl::Status Begin(TailedFileId id);
  // The next bytes of the upload, which this file is or becomes; nullopt if it is not what it was.
  absl::StatusOr<std::optional<std::string>> Read(TailedFileId id, uint64_t bytes_max);
  // The upload goes on by these bytes.
  ingest::v1::AssetPart MakePart(std::string bytes);
  // Other bytes than were sent: looked at, and begun again when it has settled.
  void StartOver(TailedFileId id);

  const Options options_;
  Tailer* const tailer_;
  Clock* const clock_;
  std::map<TailedFileId, File> files_;
  std::set<std::pair<absl::Duration, TailedFileId>> queue_;  // by the time when they may be read
  std::optional<Upload> upload_;
  bool flushing_ = false;
  uint64_t in_flight_bytes_ = 0;
  uint64_t versions_sent_ = 0;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_ASSET_SENDER_H_
