#include "agent/follower.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/eventfile/crc32c.h"
#include "common/little_endian.h"
#include "common/status_macros.h"

namespace tributary::agent {
namespace {

TfRecordReader::Options ReaderOptions(uint64_t start_offset) {
  TfRecordReader::Options options;
  options.start_offset = start_offset;
  // Payloads are of no interest here: a record that arrives in pieces costs at most this much.
  options.record_bytes_max = 16u << 10;
  options.record_head_bytes = 0;
  options.resync_record_bytes_max = 1u << 20;
  return options;
}

// Where the record ends whose header `bytes` begin with; 0 if that fails its CRC.
uint64_t RecordEnd(uint64_t offset, absl::string_view bytes) {
  const absl::string_view length = bytes.substr(0, sizeof(uint64_t));
  const uint32_t crc = LoadLittleEndian<uint32_t>(bytes.data() + length.size());
  if (crc != MaskCrc32c(Crc32c(length))) return 0;
  // A length near 2^64 is no record's; its end must not wrap to before its begin.
  const uint64_t frame_end = offset + kRecordHeaderBytes + kRecordFooterBytes;
  const uint64_t payload = LoadLittleEndian<uint64_t>(length.data());
  return frame_end + std::min(payload, std::numeric_limits<uint64_t>::max() - frame_end);
}

size_t ZerosFrom(absl::string_view bytes, size_t begin) {
  const size_t end = bytes.find_first_not_of('\0', begin);
  return (end == absl::string_view::npos ? bytes.size() : end) - begin;
}

size_t TrailingZeros(absl::string_view bytes) {
  const size_t last = bytes.find_last_not_of('\0');
  return last == absl::string_view::npos ? bytes.size() : bytes.size() - last - 1;
}

}  // namespace

Follower::File& Follower::file(TailedFileId id) {
  while (files_.size() <= id) files_.emplace_back();
  return files_[id];
}

uint64_t Follower::position(TailedFileId id) const {
  return id < files_.size() ? files_[id].position : 0;
}

absl::Status Follower::Start(TailedFileId id, uint64_t offset,
                             const std::vector<ByteRange>& unfilled) {
  File& f = file(id);
  const TailedFile& tailed = tailer_->file(id);
  f.reader.reset();
  f.replay_from = kNone;
  f.record_end = 0;
  f.position = offset;
  f.memory_end = offset;
  f.unproved = offset > 0;
  f.held_since = -absl::InfiniteDuration();
  f.device = tailed.stat.device;
  f.inode = tailed.stat.inode;
  if (offset == 0) f.counted_to = 0;
  f.unfilled.reset();
  const absl::Duration now = clock_->Monotonic();
  for (const ByteRange& range : unfilled) {
    if (!f.unfilled) f.unfilled = std::make_unique<std::vector<Unfilled>>();
    // Where the record begins in which they do is found again from the file's start.
    f.unfilled->push_back({.record_offset = 0,
                           .offset = range.offset,
                           .length_bytes = range.length_bytes,
                           .watch_until = now + options_.watch_time,
                           .next_look = now,
                           .sent_to = range.offset,
                           .durable_to = range.offset});
  }
  return Memorise(id, &f);
}

void Follower::Rewind(TailedFileId id, uint64_t offset) {
  File& f = file(id);
  CHECK(offset <= f.position, "offset ", offset, ", position ", f.position);
  if (offset == f.position) return;
  f.position = offset;
  f.reader.reset();
  f.replay_from = kNone;
  f.record_end = 0;
  f.unproved = offset > 0;
  f.held_since = -absl::InfiniteDuration();
}

void Follower::NoteChange(TailedFileId id) { file(id).changed = clock_->Monotonic(); }

absl::Status Follower::ReadMasked(TailedFileId id, const File& f, uint64_t offset,
                                  absl::Span<char> out) {
  ASSIGN_OR_RETURN(const size_t bytes, tailer_->Read(id, offset, out));
  if (bytes < out.size()) {
    return absl::OutOfRangeError(
        absl::StrCat("ends at ", offset + bytes, ", before ", offset + out.size()));
  }
  Mask(f, offset, out);
  return absl::OkStatus();
}

void Follower::Mask(const File& f, uint64_t offset, absl::Span<char> bytes) {
  if (!f.unfilled) return;
  for (const Unfilled& range : *f.unfilled) {
    const uint64_t begin = std::max(range.offset, offset);
    const uint64_t end = std::min(range.end(), offset + bytes.size());
    if (begin < end) std::memset(bytes.data() + (begin - offset), 0, end - begin);
  }
}

absl::Status Follower::Memorise(TailedFileId id, File* f) {
  const uint64_t bytes = std::min(f->memory_end, kMemoryBytes);
  f->head_bytes = 0;
  f->tail_bytes = 0;
  if (bytes == 0) return absl::OkStatus();
  RETURN_IF_ERROR(ReadMasked(id, *f, 0, absl::MakeSpan(f->head, bytes)));
  RETURN_IF_ERROR(ReadMasked(id, *f, f->memory_end - bytes, absl::MakeSpan(f->tail, bytes)));
  f->head_bytes = static_cast<uint8_t>(bytes);
  f->tail_bytes = static_cast<uint8_t>(bytes);
  return absl::OkStatus();
}

Follower::Look Follower::LookAgain(TailedFileId id) {
  File& f = file(id);
  const TailedFile& tailed = tailer_->file(id);
  if (!tailed.error.ok()) {
    last_error_ = tailed.error;
    return Look::kUnreadable;
  }
  const uint64_t size = tailed.stat.size_bytes;
  char now[kMemoryBytes];
  auto compare = [&](uint64_t offset, const char* known, size_t bytes) {
    if (bytes == 0) return Look::kSame;
    absl::Status read = ReadMasked(id, f, offset, absl::MakeSpan(now, bytes));
    if (absl::IsOutOfRange(read)) return Look::kShorter;
    if (!read.ok()) {
      last_error_ = std::move(read);
      return Look::kUnreadable;
    }
    return std::memcmp(now, known, bytes) == 0 ? Look::kSame : Look::kDifferent;
  };
  const Look head = compare(0, f.head, std::min<uint64_t>(f.head_bytes, size));
  if (head != Look::kSame) return head;
  if (size < std::max(f.position, f.memory_end)) return Look::kShorter;
  const Look tail = compare(f.memory_end - f.tail_bytes, f.tail, f.tail_bytes);
  if (tail != Look::kSame) return tail;
  if (f.device != tailed.stat.device || f.inode != tailed.stat.inode) {
    f.device = tailed.stat.device;
    f.inode = tailed.stat.inode;
    return Look::kReplaced;
  }
  return Look::kSame;
}

absl::StatusOr<bool> Follower::ReadAtPosition(TailedFileId id, const File& f, std::string* data) {
  // Mostly the known bytes are those before the position: one read shows both as of one moment.
  const uint64_t known = f.memory_end == f.position ? f.tail_bytes : 0;
  data->resize(known + data->size());
  ASSIGN_OR_RETURN(const size_t bytes,
                   tailer_->Read(id, f.position - known, absl::MakeSpan(*data)));
  data->resize(bytes);
  if (bytes < known) return false;
  Mask(f, f.position - known, absl::MakeSpan(data->data(), known));
  if (std::memcmp(data->data(), f.tail, known) != 0) return false;
  data->erase(0, known);
  if (known > 0 || f.tail_bytes == 0) return true;
  // They lie further on. If they are there after the read, they were there during it.
  char now[kMemoryBytes];
  const absl::Status read =
      ReadMasked(id, f, f.memory_end - f.tail_bytes, absl::MakeSpan(now, f.tail_bytes));
  if (absl::IsOutOfRange(read)) return false;
  RETURN_IF_ERROR(read);
  return std::memcmp(now, f.tail, f.tail_bytes) == 0;
}

Follower::Block Follower::Read(TailedFileId id, uint64_t bytes_max, bool flush) {
  File& f = file(id);
  Block result;
  const uint64_t size = tailer_->file(id).stat.size_bytes;
  if (f.position >= size) return result;
  const uint64_t want = std::min({bytes_max, options_.block_bytes_max, size - f.position});
  result.data.resize(want);
  const absl::StatusOr<bool> same = ReadAtPosition(id, f, &result.data);
  if (!same.ok() || !*same) {
    result.kind = same.ok() ? Block::Kind::kChanged : Block::Kind::kUnreadable;
    result.error = same.status();
    result.data.clear();
    return result;
  }
  if (result.data.empty()) return result;

  const absl::Duration now = clock_->Monotonic();
  const bool held = f.held_since > -absl::InfiniteDuration();
  Patience patience;
  patience.zeros_over = flush || now >= f.changed + options_.zeros_wait ||
                        (held && now >= f.held_since + options_.zeros_wait_max);
  patience.torn_over = flush || (held && now >= f.held_since + options_.torn_wait);
  const bool at_end = result.data.size() < want || f.position + want >= size;
  if (absl::Status ready = EnsureReader(id, &f); !ready.ok()) {
    result.kind = Block::Kind::kUnreadable;
    result.error = std::move(ready);
    result.data.clear();
    return result;
  }
  const Scan scan = ScanBlock(&f, result.data, at_end, patience);
  if (scan.ship_bytes == 0) {
    if (!held) f.held_since = now;
    result.kind = Block::Kind::kHeld;
    result.until = scan.zeros ? std::min(now + options_.zeros_look, f.changed + options_.zeros_wait)
                              : f.held_since + options_.torn_wait;
    // A clock of the file system may run behind ours: never a time that has passed.
    result.until = std::max(result.until, now + absl::Milliseconds(1));
    result.data.clear();
    return result;
  }
  result.kind = Block::Kind::kBytes;
  result.offset = f.position;
  result.data.resize(scan.ship_bytes);
  Advance(&f, result.data);
  return result;
}

absl::Status Follower::EnsureReader(TailedFileId id, File* f) {
  if (f->reader) return absl::OkStatus();
  const uint64_t from = f->replay_from == kNone ? f->position : f->replay_from;
  auto reader = std::make_unique<TfRecordReader>(ReaderOptions(from));
  std::string block;
  for (uint64_t offset = from; offset < f->position; offset += block.size()) {
    block.resize(std::min(options_.block_bytes_max, f->position - offset));
    ASSIGN_OR_RETURN(const size_t bytes, tailer_->Read(id, offset, absl::MakeSpan(block)));
    if (bytes < block.size()) return absl::AbortedError("became shorter while it was read");
    reader->Feed(block);
    // The position is inside the record that begins here: nothing can come out, unless the bytes
    // changed; then whoever compares them will see it.
    while (reader->Next().has_value()) {
    }
  }
  f->reader = std::move(reader);
  return absl::OkStatus();
}

Follower::Zeros Follower::ZerosOf(const File& f, absl::string_view block) const {
  const uint64_t start = f.position;
  const uint64_t boundary = f.reader->boundary_offset();
  uint64_t end = f.record_end;
  if (boundary >= start) {
    const absl::string_view header = block.substr(boundary - start, kRecordHeaderBytes);
    if (header.size() < kRecordHeaderBytes)
      return {.final = false, .unit_end = start + block.size()};
    end = RecordEnd(boundary, header);
    if (end == 0) return {.final = true, .unit_end = boundary + kRecordHeaderBytes};
  }
  if (end == 0 || end > start + block.size()) {
    return {.final = end == 0, .unit_end = start + block.size()};
  }
  return {.final = true, .unit_end = end};
}

Follower::Scan Follower::ScanBlock(File* f, absl::string_view block, bool at_end,
                                   Patience patience) {
  const uint64_t start = f->position;
  f->reader->Feed(block);
  TakeOutcomes(f);
  if (!f->reader->at_zeros()) return CutBlock(f, block, at_end, patience);
  const Zeros zeros = ZerosOf(*f, block);
  // A body that goes on behind this block may well hold zeros.
  if (!zeros.final && !at_end) return CutBlock(f, block, at_end, patience);

  const uint64_t boundary = f->reader->boundary_offset();
  if (boundary > start) {
    f->reader.reset();
    return {.ship_bytes = boundary - start, .zeros = true};
  }
  if (!patience.zeros_over && start - boundary <= options_.look_bytes_max) {
    f->reader.reset();
    f->replay_from = boundary;
    return {.zeros = true};
  }
  WatchZeros(f, block, boundary, zeros.unit_end);
  if (zeros.final) {
    f->reader->TakeZerosAsDamage();
    TakeOutcomes(f);
  } else {
    // The record may go on some day, zeros and all: it is only torn.
    patience.torn_over = true;
  }
  return CutBlock(f, block, at_end, patience);
}

Follower::Scan Follower::CutBlock(File* f, absl::string_view block, bool at_end,
                                  Patience patience) {
  const uint64_t start = f->position;
  const uint64_t boundary = f->reader->boundary_offset();
  if (boundary > start) {
    // The rest is read again: nothing of it needs to be kept.
    f->reader.reset();
    return {.ship_bytes = boundary - start};
  }
  const bool holds = f->reader->framing_holds();
  // What was begun is not held any more: the collector knows that it is torn.
  if (holds && at_end && boundary == start && !patience.torn_over) {
    f->reader.reset();
    return {.torn = true};
  }
  if (holds && boundary == start && block.size() >= kRecordHeaderBytes) {
    f->record_end = RecordEnd(boundary, block);
  }
  if (!holds && f->unfilled && f->unfilled->back().end() == start) {
    Unfilled& last = f->unfilled->back();
    last.length_bytes += ZerosFrom(block, 0);
  }
  return {.ship_bytes = block.size()};
}

void Follower::TakeOutcomes(File* f) {
  while (const std::optional<TfRecordReader::Outcome> outcome = f->reader->Next()) {
    if (outcome->damage.has_value()) {
      CountDamage(f, *outcome->damage);
      continue;
    }
    const TfRecordReader::Record& record = *outcome->record;
    f->unproved = false;
    if (record.offset < f->counted_to) continue;
    f->counted_to = record.offset + kRecordHeaderBytes + record.payload_bytes + kRecordFooterBytes;
    ++totals_.records;
  }
}

void Follower::CountDamage(File* f, const Damage& damage) {
  // Began inside a record, which is no damage.
  const bool unproved = std::exchange(f->unproved, false);
  if (unproved && damage.cause == DamageCause::kLengthCrc) return;
  if (damage.offset < f->counted_to) return;
  f->counted_to = damage.offset + damage.length_bytes;
  ++totals_.damaged_records;
  totals_.damaged_bytes += damage.length_bytes;
}

void Follower::WatchZeros(File* f, absl::string_view block, uint64_t record_offset,
                          uint64_t unit_end) {
  const size_t unit = unit_end - f->position;
  const size_t record = record_offset > f->position ? record_offset - f->position : 0;
  const size_t begin = unit - TrailingZeros(block.substr(record, unit - record));
  const uint64_t offset = f->position + begin;
  if (!f->unfilled) f->unfilled = std::make_unique<std::vector<Unfilled>>();
  for (const Unfilled& range : *f->unfilled) {
    if (range.offset <= offset && offset < range.end()) return;  // Read again after a reconnect.
  }
  const absl::Duration now = clock_->Monotonic();
  f->unfilled->push_back({.record_offset = record_offset,
                          .offset = offset,
                          .length_bytes = ZerosFrom(block, begin),
                          .watch_until = now + options_.watch_time,
                          .next_look = now + options_.watch_look,
                          .sent_to = offset,
                          .durable_to = offset});
  ++totals_.unfilled_ranges;
}

void Follower::Advance(File* f, absl::string_view shipped) {
  const uint64_t end = f->position + shipped.size();
  if (f->position <= f->head_bytes && f->head_bytes < kMemoryBytes && end > f->head_bytes) {
    const uint64_t from = f->head_bytes;
    const uint64_t to = std::min(end, kMemoryBytes);
    std::memcpy(f->head + from, shipped.data() + (from - f->position), to - from);
    f->head_bytes = static_cast<uint8_t>(to);
  }
  if (f->memory_end != f->position) f->tail_bytes = 0;
  if (shipped.size() >= kMemoryBytes) {
    std::memcpy(f->tail, shipped.data() + shipped.size() - kMemoryBytes, kMemoryBytes);
    f->tail_bytes = kMemoryBytes;
  } else {
    const size_t keep = std::min<size_t>(f->tail_bytes, kMemoryBytes - shipped.size());
    std::memmove(f->tail, f->tail + f->tail_bytes - keep, keep);
    std::memcpy(f->tail + keep, shipped.data(), shipped.size());
    f->tail_bytes = static_cast<uint8_t>(keep + shipped.size());
  }
  f->position = end;
  f->memory_end = end;
  f->held_since = -absl::InfiniteDuration();
  f->replay_from = kNone;
  if (f->reader && f->reader->boundary_offset() == end) f->reader.reset();
  if (!f->reader) f->record_end = 0;
}

}  // namespace tributary::agent
