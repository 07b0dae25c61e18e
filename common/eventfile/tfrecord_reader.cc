#include "common/eventfile/tfrecord_reader.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/eventfile/crc32c.h"
#include "common/little_endian.h"

namespace tributary {
namespace {

// So many zeros in a row are taken for an unfilled range.
constexpr uint64_t kZerosMin = 16;

// Above any memory, and far from where sums of lengths would overflow.
constexpr uint64_t kRecordBytesLimit = uint64_t{1} << 40;

// A carry buffer longer than this is given back once its record was handed on: a process has
// thousands of readers.
constexpr size_t kIdleCarryBytesMax = 4096;

uint64_t TrailingZeros(absl::string_view bytes) {
  uint64_t zeros = 0;
  while (zeros < kZerosMin && zeros < bytes.size() && bytes[bytes.size() - 1 - zeros] == '\0') {
    ++zeros;
  }
  return zeros;
}

bool LengthCrcHolds(const char* header) {
  return LoadLittleEndian<uint32_t>(header + 8) == MaskCrc32c(Crc32c(absl::string_view(header, 8)));
}

}  // namespace

absl::string_view DamageCauseName(DamageCause cause) {
  switch (cause) {
    case DamageCause::kLengthCrc:
      return "length_crc";
    case DamageCause::kDataCrc:
      return "data_crc";
    case DamageCause::kZeros:
      return "zeros";
    case DamageCause::kUndecodable:
      return "undecodable";
  }
  return "unknown";
}

TfRecordReader::TfRecordReader(const Options& options)
    : options_(options), offset_(options.start_offset), boundary_(options.start_offset) {
  CHECK(options_.record_bytes_max <= kRecordBytesLimit, options_.record_bytes_max);
  CHECK(options_.resync_record_bytes_max <= kRecordBytesLimit, options_.resync_record_bytes_max);
}

void TfRecordReader::Feed(absl::string_view bytes) {
  CHECK(in_.empty(), in_.size(), " bytes of the last Feed are not used up");
  in_ = bytes;
}

std::optional<TfRecordReader::Outcome> TfRecordReader::Next() {
  // The usual case, a whole small record in the bytes fed, without the detours of the states.
  if (state_ == State::kAtRecord && carry_begin_ == carry_.size() &&
      in_.size() >= kRecordHeaderBytes + kRecordFooterBytes) {
    const uint64_t length = LoadLittleEndian<uint64_t>(in_.data());
    if (length <= in_.size() - kRecordHeaderBytes - kRecordFooterBytes &&
        length <= options_.record_bytes_max && LengthCrcHolds(in_.data())) {
      const absl::string_view payload = in_.substr(kRecordHeaderBytes, length);
      const char* footer = payload.data() + length;
      if (LoadLittleEndian<uint32_t>(footer) == MaskCrc32c(Crc32c(payload))) {
        std::optional<Outcome> outcome(std::in_place);
        outcome->record.emplace(Record{offset_, length, payload});
        in_.remove_prefix(kRecordHeaderBytes + length + kRecordFooterBytes);
        offset_ += kRecordHeaderBytes + length + kRecordFooterBytes;
        boundary_ = offset_;
        return outcome;
      }
    }
  }

  // The head of a long record was valid until now.
  if (state_ == State::kAtRecord) long_.reset();
  Outcome outcome;
  bool goes_on = true;
  while (goes_on) {
    switch (state_) {
      case State::kAtRecord:
      case State::kMaybeZeros:
        goes_on = AtRecord(&outcome);
        break;
      case State::kInLong:
        goes_on = InLong(&outcome);
        break;
      case State::kZeros:
        goes_on = false;
        break;
      case State::kLost:
        goes_on = Lost(&outcome);
        break;
    }
    if (outcome.record.has_value() || outcome.damage.has_value()) return outcome;
  }
  Carry(in_.size());
  return std::nullopt;
}

absl::string_view TfRecordReader::Peek(uint64_t wanted) {
  if (carried_bytes() == 0) {
    carry_begin_ = 0;
    if (carry_.capacity() > kIdleCarryBytesMax) {
      std::string().swap(carry_);  // Assigning an empty one would keep the memory.
    } else {
      carry_.clear();
    }
    return in_.substr(0, wanted);
  }
  if (carried_bytes() < wanted) Carry(wanted - carried_bytes());
  return absl::string_view(carry_).substr(carry_begin_, wanted);
}

void TfRecordReader::Carry(uint64_t bytes) {
  if (carry_begin_ >= carried_bytes()) {  // So no byte is moved more often than one is consumed.
    carry_.erase(0, carry_begin_);
    carry_begin_ = 0;
  }
  const absl::string_view taken = in_.substr(0, bytes);
  carry_.append(taken.data(), taken.size());
  in_.remove_prefix(taken.size());
}

void TfRecordReader::Consume(uint64_t bytes) {
  offset_ += bytes;
  const uint64_t from_carry = std::min<uint64_t>(bytes, carried_bytes());
  carry_begin_ += from_carry;
  in_.remove_prefix(bytes - from_carry);
}

bool TfRecordReader::AtRecord(Outcome* out) {
  const absl::string_view header = Peek(kRecordHeaderBytes);
  if (header.size() < kRecordHeaderBytes) return false;
  if (!LengthCrcHolds(header.data())) {
    const bool no_header = TrailingZeros(header) == kRecordHeaderBytes;
    switch (no_header && !options_.zeros_are_final ? Zeros::kYes : ZerosAfter(kRecordHeaderBytes)) {
      case Zeros::kYes:
        state_ = State::kZeros;
        return true;
      case Zeros::kMaybe:
        state_ = State::kMaybeZeros;
        return false;
      case Zeros::kNo:
        Lose(no_header ? DamageCause::kZeros : DamageCause::kLengthCrc);
        return true;
    }
  }
  const uint64_t length = LoadLittleEndian<uint64_t>(header.data());
  if (length > options_.record_bytes_max) {
    long_ = std::make_unique<Long>();
    long_->payload_bytes = length;
    state_ = State::kInLong;
    Consume(kRecordHeaderBytes);
    return true;
  }
  const uint64_t record_bytes = kRecordHeaderBytes + length + kRecordFooterBytes;
  const absl::string_view record = Peek(record_bytes);
  if (record.size() < record_bytes) return false;
  const absl::string_view payload = record.substr(kRecordHeaderBytes, length);
  if (LoadLittleEndian<uint32_t>(payload.data() + length) != MaskCrc32c(Crc32c(payload))) {
    return DamagedData(record_bytes, out);
  }
  out->record.emplace(Record{offset_, length, payload});
  Consume(record_bytes);
  boundary_ = offset_;
  return true;
}

bool TfRecordReader::DamagedData(uint64_t record_bytes, Outcome* out) {
  switch (ZerosAfter(record_bytes)) {
    case Zeros::kYes:
      state_ = State::kZeros;
      return true;
    case Zeros::kMaybe:
      state_ = State::kMaybeZeros;
      return false;
    case Zeros::kNo:
      break;
  }
  out->damage.emplace(Damage{offset_, record_bytes, DamageCause::kDataCrc});
  Consume(record_bytes);
  boundary_ = offset_;
  state_ = State::kAtRecord;
  zeros_taken_ = false;
  return true;
}

TfRecordReader::Zeros TfRecordReader::ZerosAfter(uint64_t unit_bytes) {
  if (zeros_taken_ || options_.zeros_are_final) return Zeros::kNo;
  const absl::string_view bytes = Peek(unit_bytes + kZerosMin);
  const uint64_t before = TrailingZeros(bytes.substr(0, unit_bytes));
  if (before == 0) return Zeros::kNo;
  const absl::string_view after = bytes.substr(unit_bytes, kZerosMin - before);
  if (after.find_first_not_of('\0') != absl::string_view::npos) return Zeros::kNo;
  return before + after.size() < kZerosMin ? Zeros::kMaybe : Zeros::kYes;
}

bool TfRecordReader::InLong(Outcome* out) {
  Long& record = *long_;
  while (record.done_bytes < record.payload_bytes) {
    // Whatever lies in one piece, be it in the carry buffer or in the bytes fed.
    const uint64_t there = carried_bytes() > 0 ? carried_bytes() : in_.size();
    const absl::string_view part = Peek(std::min(there, record.payload_bytes - record.done_bytes));
    if (part.empty()) return false;
    if (record.head.size() < options_.record_head_bytes) {
      const absl::string_view head =
          part.substr(0, options_.record_head_bytes - record.head.size());
      record.head.append(head.data(), head.size());
    }
    record.crc = ExtendCrc32c(record.crc, part);
    const uint64_t zeros = TrailingZeros(part);
    record.zeros = std::min(kZerosMin, zeros == part.size() ? zeros + record.zeros : zeros);
    record.done_bytes += part.size();
    Consume(part.size());
  }
  const absl::string_view footer = Peek(kRecordFooterBytes);
  if (footer.size() < kRecordFooterBytes) return false;
  if (LoadLittleEndian<uint32_t>(footer.data()) == MaskCrc32c(record.crc)) {
    out->record.emplace(Record{boundary_, record.payload_bytes, record.head});
  } else if (!options_.zeros_are_final && LongZeros(footer) == kZerosMin) {
    state_ = State::kZeros;
    return true;
  } else {
    out->damage.emplace(Damage{boundary_,
                               kRecordHeaderBytes + record.payload_bytes + kRecordFooterBytes,
                               DamageCause::kDataCrc});
  }
  Consume(kRecordFooterBytes);
  boundary_ = offset_;
  state_ = State::kAtRecord;
  return true;
}

uint64_t TfRecordReader::LongZeros(absl::string_view footer) const {
  const uint64_t zeros = TrailingZeros(footer);
  return zeros < footer.size() ? zeros : std::min(kZerosMin, zeros + long_->zeros);
}

void TfRecordReader::Lose(DamageCause cause) {
  lost_cause_ = cause;
  search_ = std::make_unique<RecordSearch>(options_.resync_record_bytes_max);
  long_.reset();
  zeros_taken_ = false;
  state_ = State::kLost;
}

bool TfRecordReader::Lost(Outcome* out) {
  if (carried_bytes() > 0) Carry(in_.size());
  const absl::string_view window =
      carried_bytes() > 0 ? absl::string_view(carry_).substr(carry_begin_) : in_;
  const RecordSearch::Result result = search_->Search(offset_, window);
  Consume(result.skipped_bytes);
  if (!result.found) return false;
  out->damage.emplace(Damage{boundary_, offset_ - boundary_, lost_cause_});
  boundary_ = offset_;
  search_.reset();
  state_ = State::kAtRecord;
  return true;
}

bool TfRecordReader::at_zeros() const {
  if (options_.zeros_are_final) return false;
  const absl::string_view carried = absl::string_view(carry_).substr(carry_begin_);
  switch (state_) {
    case State::kAtRecord:
      return carried.size() > kRecordHeaderBytes &&
             TrailingZeros(carried.substr(kRecordHeaderBytes)) == kZerosMin;
    case State::kInLong:
      return LongZeros(carried) == kZerosMin;
    case State::kMaybeZeros:
    case State::kZeros:
      return true;
    case State::kLost:
      return false;
  }
  return false;
}

void TfRecordReader::TakeZerosAsDamage() {
  if (!at_zeros()) return;
  if (state_ == State::kMaybeZeros) {
    state_ = State::kAtRecord;
    zeros_taken_ = true;
    return;
  }
  if (long_ != nullptr) {
    // Its payload is gone. But its end was zeros, and a record may begin in the last 11 of them;
    // at least 13 came before what of the footer is carried.
    carry_.replace(0, carry_begin_, kRecordHeaderBytes - 1, '\0');
    carry_begin_ = 0;
    offset_ -= kRecordHeaderBytes - 1;
  } else {
    Consume(1);  // The damaged record itself is not searched for.
  }
  Lose(DamageCause::kZeros);
}

bool TfRecordReader::framing_holds() const { return state_ != State::kLost; }

uint64_t TfRecordReader::boundary_offset() const { return boundary_; }

uint64_t TfRecordReader::fed_offset() const { return offset_ + carried_bytes() + in_.size(); }

uint64_t TfRecordReader::awaited_end() const {
  const absl::string_view record = absl::string_view(carry_).substr(carry_begin_);
  if (state_ != State::kAtRecord || record.size() < kRecordHeaderBytes) return 0;
  // It was looked at: the length holds its CRC and is no longer than record_bytes_max.
  return offset_ + kRecordHeaderBytes + LoadLittleEndian<uint64_t>(record.data()) +
         kRecordFooterBytes;
}

std::optional<Damage> TfRecordReader::pending_damage() const {
  if (state_ != State::kLost) return std::nullopt;
  return Damage{boundary_, fed_offset() - boundary_, lost_cause_};
}

}  // namespace tributary
