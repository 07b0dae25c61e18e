#include "tests/sim/reference_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/eventfile/crc32c.h"
#include "tensorboard/event.pb.h"

namespace tributary::sim {
namespace {

constexpr size_t kHeader = 12;
constexpr size_t kFooter = 4;

uint32_t Load32(absl::string_view bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

// Whether a length stands at `at`; sets *length.
bool LengthHolds(absl::string_view file, size_t at, uint64_t* length) {
  if (at + kHeader > file.size()) return false;
  std::memcpy(length, file.data() + at, sizeof(*length));
  return Load32(file, at + 8) == MaskCrc32c(Crc32c(file.substr(at, 8)));
}

bool Fits(absl::string_view file, size_t at, uint64_t length) {
  return length <= file.size() && at + kHeader + length + kFooter <= file.size();
}

bool DataHolds(absl::string_view file, size_t at, uint64_t length) {
  return Load32(file, at + kHeader + length) ==
         MaskCrc32c(Crc32c(file.substr(at + kHeader, length)));
}

void TakeEvent(absl::string_view file, size_t at, uint64_t length, ReferenceFile* reference) {
  tensorboard::Event event;
  if (!event.ParseFromArray(file.data() + at + kHeader, static_cast<int>(length))) return;
  for (const tensorboard::Summary::Value& value : event.summary().value()) {
    ReferencePoint point{event.step(), 0, 0};
    if (value.tag() == "loss") {
      point.value = static_cast<double>(value.simple_value());
      reference->scalars.points.push_back(point);
    } else {
      point.payload_offset = at + kHeader;
      reference->pictures.points.push_back(point);
    }
  }
}

}  // namespace

absl::Status ReferenceSeries::Allows(const std::vector<ReferencePoint>& shown) const {
  if (shown.size() < certain || shown.size() > points.size()) {
    return absl::DataLossError(absl::StrCat("the index has ", shown.size(), " points, the mirror ",
                                            certain, " to ", points.size()));
  }
  size_t next = 0;
  for (size_t i = 0; i < shown.size(); ++i) {
    while (next < points.size() && points[next] != shown[i] && i >= certain) ++next;
    if (next >= points.size() || points[next] != shown[i]) {
      return absl::DataLossError(absl::StrCat("point ", i,
                                              " of the index is no record of the file: ", "step ",
                                              shown[i].step, " at ", shown[i].payload_offset));
    }
    ++next;
  }
  return absl::OkStatus();
}

ReferenceFile ReadReference(absl::string_view file) {
  ReferenceFile reference;
  const auto all_so_far_are_certain = [&] {
    reference.scalars.certain = reference.scalars.points.size();
    reference.pictures.certain = reference.pictures.points.size();
  };
  bool damaged = false;
  for (size_t at = 0; at + kHeader <= file.size();) {
    uint64_t length = 0;
    if (LengthHolds(file, at, &length) && Fits(file, at, length) && DataHolds(file, at, length)) {
      TakeEvent(file, at, length, &reference);
      at += kHeader + length + kFooter;
      continue;
    }
    if (!damaged) all_so_far_are_certain();
    damaged = true;
    ++at;
  }
  if (!damaged) all_so_far_are_certain();
  for (ReferenceSeries* series : {&reference.scalars, &reference.pictures}) {
    // The rest of an older content behind a newer one, as a power cut leaves it: later points make
    // earlier ones obsolete.
    const bool ascend = std::is_sorted(
        series->points.begin(), series->points.end(),
        [](const ReferencePoint& a, const ReferencePoint& b) { return a.step < b.step; });
    if (!ascend) series->certain = 0;
  }
  return reference;
}

}  // namespace tributary::sim
