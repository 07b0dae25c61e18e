#include "tests/sim/reference_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>

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

void TakeEvent(absl::string_view file, size_t at, uint64_t length, ReferenceSeries* series) {
  tensorboard::Event event;
  if (!event.ParseFromArray(file.data() + at + kHeader, static_cast<int>(length))) return;
  for (const tensorboard::Summary::Value& value : event.summary().value()) {
    ReferencePoint point{event.step(), 0, at + kHeader};
    if (value.tag() == "loss") {
      point.value = static_cast<double>(value.simple_value());
      series->scalars.push_back(point);
    } else {
      series->pictures.push_back(point);
    }
  }
}

void DropObsolete(std::vector<ReferencePoint>* points) {
  int64_t least = std::numeric_limits<int64_t>::max();
  std::vector<ReferencePoint> kept;
  for (auto point = points->rbegin(); point != points->rend(); ++point) {
    if (point->step >= least) continue;
    least = point->step;
    kept.push_back(*point);
  }
  std::reverse(kept.begin(), kept.end());
  *points = std::move(kept);
}

}  // namespace

ReferenceSeries ReadReference(absl::string_view file) {
  ReferenceSeries series;
  size_t at = 0;
  bool framed = true;
  while (at + kHeader <= file.size()) {
    uint64_t length = 0;
    const bool length_holds = LengthHolds(file, at, &length);
    const bool fits = length_holds && Fits(file, at, length);
    if (fits && DataHolds(file, at, length)) {
      TakeEvent(file, at, length, &series);
      at += kHeader + length + kFooter;
      framed = true;
    } else if (framed && length_holds) {
      // The end is awaited; or the payload alone is damaged.
      if (!fits) break;
      at += kHeader + length + kFooter;
    } else {
      framed = false;
      ++at;
    }
  }
  DropObsolete(&series.scalars);
  DropObsolete(&series.pictures);
  return series;
}

}  // namespace tributary::sim
