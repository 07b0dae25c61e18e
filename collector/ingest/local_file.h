// One event file of a --logdir, indexed in place.
#ifndef TRIBUTARY_COLLECTOR_INGEST_LOCAL_FILE_H_
#define TRIBUTARY_COLLECTOR_INGEST_LOCAL_FILE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "collector/index/index.h"
#include "common/file.h"

namespace tributary {

// Reads what is new into the index. Whether the file is still the one that was read is told by its
// bytes alone: the first 64 and the last 64 read. A file that became shorter and is equal as far as
// that can be seen keeps its points; different bytes mean another file, read from its start.
//
// Opens the file for each call, so any number of files needs few descriptors. Not thread-safe, but
// may pass from thread to thread between calls.
class LocalFile {
 public:
  // `files` must outlive this. `index` is fed by nobody else.
  LocalFile(FileSystem* files, std::string path, std::shared_ptr<FileIndex> index);

  struct Result {
    // The file's own error; what was read before it counts.
    absl::Status status;
    uint64_t read_to = 0;
    // The file has more than this call was allowed to read.
    bool more = false;
    // Other bytes than before: everything was forgotten first.
    bool replaced = false;
    // Ends before what was read.
    bool shorter = false;
    // Stands before zeros that a network file system may not have filled yet, in the record at this
    // offset: call again later, or with a greater `zeros_over_to`. Nothing behind them is read,
    // unless they are the end of an unfinished record and may be its own.
    std::optional<uint64_t> zeros_at;
    // What is damaged in all that was read, as FileIndex::damage has it.
    std::optional<Damage> first_damage;
    uint64_t damaged_places = 0;
    uint64_t damaged_bytes = 0;
  };
  // `zeros_over_to` of a file that will not change any more: an unfinished record that ends in
  // zeros is damage too.
  static constexpr uint64_t kAtRest = ~uint64_t{0};
  // Reads up to about `bytes_max` bytes, `buffer` by buffer. Zeros where a record must be are
  // damage if that record begins below `zeros_over_to`.
  Result Load(uint64_t bytes_max, uint64_t zeros_over_to, absl::Span<char> buffer);

  const std::string& path() const { return path_; }
  const std::shared_ptr<FileIndex>& index() const { return index_; }

 private:
  static constexpr size_t kCheckBytes = 64;
  enum class Identity { kSame, kShorter, kOther };

  absl::StatusOr<Identity> Check(ReadableFile* file, uint64_t size_bytes) const;
  absl::StatusOr<bool> Equal(ReadableFile* file, uint64_t offset, absl::string_view bytes) const;
  void Take(absl::string_view bytes);
  // Gives zeros up as far as is allowed. Whether there are others.
  bool StandsAtZeros(uint64_t zeros_over_to);
  void StartOver();

  FileSystem* const files_;
  const std::string path_;
  const std::shared_ptr<FileIndex> index_;

  uint64_t offset_ = 0;  // of the next byte to read
  // The first and the last bytes before offset_.
  std::array<char, kCheckBytes> head_{};
  std::array<char, kCheckBytes> tail_{};
  size_t head_bytes_ = 0;
  size_t tail_bytes_ = 0;
  // It stood at zeros: they are read again, since they may be filled.
  bool at_zeros_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_LOCAL_FILE_H_
