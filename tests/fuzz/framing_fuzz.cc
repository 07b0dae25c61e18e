// Framing: however an event file's bytes are split, the same comes out, and it covers every byte;
// with final zeros it is what a plain reading of the rules says.
//
// Input: byte 0 chooses the limits (bits 1-4) and whether the rest is the file itself (bit 0) or a
// program that writes one, since chance finds no CRCs; byte 1 chooses the split.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/eventfile/crc32c.h"
#include "common/eventfile/tfrecord_reader.h"
#include "common/eventfile/tfrecord_writer.h"
#include "common/little_endian.h"

namespace tributary {
namespace {

constexpr size_t kFileBytesMax = 1 << 14;

// Each may have to read a long record again.
constexpr int kFreshReadersMax = 4;

// Reads the input from the front; zeros after its end.
class Input {
 public:
  explicit Input(absl::string_view rest) : rest_(rest) {}
  bool done() const { return rest_.empty(); }
  absl::string_view Take(size_t size) {
    const absl::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  uint64_t Number(size_t bytes) {
    uint64_t number = 0;
    for (const char byte : Take(bytes)) number = number << 8 | static_cast<uint8_t>(byte);
    return number;
  }

 private:
  absl::string_view rest_;
};

std::string HeaderOf(uint64_t length) {
  std::string header;
  AppendLittleEndian<uint64_t>(length, &header);
  AppendLittleEndian<uint32_t>(MaskCrc32c(Crc32c(header)), &header);
  return header;
}

// Runs the program: what writers do to a file, and what befalls it.
std::string WriteFile(Input input) {
  std::string file;
  while (!input.done() && file.size() < kFileBytesMax) {
    const uint64_t operation = input.Number(1) % 8;
    const uint64_t n = input.Number(1);
    switch (operation) {
      case 0:
        AppendTfRecord(input.Take(n), &file);
        break;
      case 1:
        absl::StrAppend(&file, input.Take(n));
        break;
      case 2:
        file += HeaderOf(input.Number(n % 9));
        break;
      case 3:
        file.append(n, '\0');
        break;
      case 4:
        AppendTfRecord(std::string(n * 40, static_cast<char>(n % 3)), &file);
        break;
      case 5:
        if (!file.empty()) file[input.Number(2) % file.size()] ^= static_cast<char>(n);
        break;
      case 6:
        if (!file.empty()) {
          const size_t offset = input.Number(2) % file.size();
          const size_t size = std::min<size_t>(n * 4, file.size() - offset);
          file.replace(offset, size, size, '\0');
        }
        break;
      default:
        file.resize(file.size() - std::min<size_t>(n, file.size()));
    }
  }
  return file;
}

struct Piece {
  bool is_record = false;
  uint64_t offset = 0;
  uint64_t length_bytes = 0;
  DamageCause cause = DamageCause::kLengthCrc;
  std::string payload;
  friend bool operator==(const Piece&, const Piece&) = default;
};

struct Outcome {
  std::vector<Piece> pieces;
  uint64_t boundary = 0;
  bool framing_holds = true;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void Drain(TfRecordReader* reader, std::vector<Piece>* pieces) {
  while (const auto next = reader->Next()) {
    CHECK(next->record.has_value() != next->damage.has_value());
    if (next->record.has_value()) {
      pieces->push_back({true, next->record->offset,
                         next->record->payload_bytes + kRecordHeaderBytes + kRecordFooterBytes,
                         DamageCause::kLengthCrc, std::string(next->record->payload)});
    } else {
      pieces->push_back(
          {false, next->damage->offset, next->damage->length_bytes, next->damage->cause, ""});
    }
  }
}

// What must hold after every feed. Pieces from `checked` on are new.
void CheckState(const TfRecordReader& reader, const std::vector<Piece>& pieces, size_t* checked,
                uint64_t fed) {
  const auto end_of = [&](size_t i) {
    return i == 0 ? 0 : pieces[i - 1].offset + pieces[i - 1].length_bytes;
  };
  for (; *checked < pieces.size(); ++*checked) {
    const Piece& piece = pieces[*checked];
    CHECK(piece.offset == end_of(*checked), piece.offset, " after ", end_of(*checked));
    CHECK(piece.length_bytes > 0);
  }
  const uint64_t covered = end_of(pieces.size());
  CHECK(reader.boundary_offset() == covered, reader.boundary_offset(), " of ", covered);
  CHECK(reader.fed_offset() == fed, reader.fed_offset(), " of ", fed);
  CHECK(reader.pending_damage().has_value() == !reader.framing_holds());
  if (const std::optional<Damage> pending = reader.pending_damage()) {
    CHECK(pending->offset == covered && pending->length_bytes == fed - covered);
  }
}

// Reads `file` in the parts that `seed` chooses; seed 0: whole. Now and then goes on with a new
// reader from the boundary.
Outcome Read(const std::string& file, TfRecordReader::Options options, uint32_t seed) {
  std::optional<TfRecordReader> reader(options);
  Outcome outcome;
  uint32_t random = seed;
  int fresh_readers = 0;
  size_t checked = 0;
  size_t at = 0;
  while (at < file.size()) {
    random = random * 1664525 + 1013904223;
    const size_t size =
        seed == 0 ? file.size()
                  : std::min<size_t>(file.size() - at, 1 + (random >> 16) % (1u << seed % 12));
    {
      std::string part = file.substr(at, size);  // Gone after it was used up.
      reader->Feed(part);
      Drain(&*reader, &outcome.pieces);
    }
    at += size;
    CheckState(*reader, outcome.pieces, &checked, at);
    if (seed != 0 && (random & 0x700) == 0 && ++fresh_readers <= kFreshReadersMax) {
      at = reader->boundary_offset();
      options.start_offset = at;
      reader.emplace(options);
    }
  }
  // The writer is gone: zeros are what the file holds.
  for (size_t i = 0; reader->at_zeros(); ++i) {
    CHECK(i <= file.size(), "zeros without an end");
    CHECK(!options.zeros_are_final);
    reader->TakeZerosAsDamage();
    Drain(&*reader, &outcome.pieces);
    CheckState(*reader, outcome.pieces, &checked, file.size());
  }
  outcome.boundary = reader->boundary_offset();
  outcome.framing_holds = reader->framing_holds();
  return outcome;
}

bool HeaderHolds(absl::string_view bytes) {
  return bytes.size() >= kRecordHeaderBytes &&
         LoadLittleEndian<uint32_t>(bytes.data() + 8) == MaskCrc32c(Crc32c(bytes.substr(0, 8)));
}

// The rules as they are written, for zeros that are final.
Outcome ReadByTheRules(absl::string_view file, const TfRecordReader::Options& options) {
  Outcome outcome;
  const auto data_holds = [&](uint64_t at, uint64_t length) {
    return LoadLittleEndian<uint32_t>(file.data() + at + kRecordHeaderBytes + length) ==
           MaskCrc32c(Crc32c(file.substr(at + kRecordHeaderBytes, length)));
  };
  uint64_t& at = outcome.boundary;
  while (file.size() - at >= kRecordHeaderBytes) {
    const uint64_t there = file.size() - at;
    const uint64_t length = LoadLittleEndian<uint64_t>(file.data() + at);
    if (HeaderHolds(file.substr(at))) {
      if (there < 16 || length > there - 16) break;
      const bool holds = data_holds(at, length);
      const uint64_t head =
          length > options.record_bytes_max ? std::min(length, options.record_head_bytes) : length;
      outcome.pieces.push_back({holds, at, length + 16,
                                holds ? DamageCause::kLengthCrc : DamageCause::kDataCrc,
                                holds ? std::string(file.substr(at + 12, head)) : ""});
      at += length + 16;
      continue;
    }
    const bool zeros = file.substr(at, 12).find_first_not_of('\0') == absl::string_view::npos;
    outcome.framing_holds = false;
    uint64_t next = at + 1;
    for (; next + kRecordHeaderBytes <= file.size(); ++next) {
      const uint64_t claim = LoadLittleEndian<uint64_t>(file.data() + next);
      if (claim > options.resync_record_bytes_max || !HeaderHolds(file.substr(next))) continue;
      if (file.size() - next < 16 || claim > file.size() - next - 16) break;  // It may still come.
      outcome.framing_holds = data_holds(next, claim);
      if (outcome.framing_holds) break;
    }
    if (!outcome.framing_holds) break;
    outcome.pieces.push_back(
        {false, at, next - at, zeros ? DamageCause::kZeros : DamageCause::kLengthCrc, ""});
    at = next;
  }
  return outcome;
}

}  // namespace
}  // namespace tributary

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary;
  if (size < 2) return 0;
  constexpr uint64_t kRecordMax[] = {16, 64, 300, 64u << 20};
  constexpr uint64_t kResyncMax[] = {8, 100, 5000, 64u << 20};
  TfRecordReader::Options options;
  options.record_bytes_max = kRecordMax[data[0] >> 1 & 3];
  options.record_head_bytes = 10;
  options.resync_record_bytes_max = kResyncMax[data[0] >> 3 & 3];
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string file = (data[0] & 1) != 0 ? std::string(rest) : WriteFile(Input(rest));

  for (const bool final_zeros : {false, true}) {
    options.zeros_are_final = final_zeros;
    const Outcome whole = Read(file, options, 0);
    CHECK(Read(file, options, data[1]) == whole, "split ", static_cast<int>(data[1]));
    if (final_zeros) CHECK(whole == ReadByTheRules(file, options), "not by the rules");
  }
  return 0;
}
