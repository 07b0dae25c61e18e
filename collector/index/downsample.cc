#include "collector/index/downsample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "common/check.h"

namespace tributary {
namespace {

constexpr uint64_t kNone = ~uint64_t{0};

std::vector<uint64_t> AllOf(uint64_t count) {
  std::vector<uint64_t> places(count);
  std::iota(places.begin(), places.end(), uint64_t{0});
  return places;
}

// The start of bucket `i` of `buckets` in [1, count - 1).
uint64_t BucketBegin(uint64_t i, uint64_t buckets, uint64_t count) {
  const unsigned __int128 inner = count - 2;
  return 1 + static_cast<uint64_t>(inner * i / buckets);
}

// The inner place whose value is farthest from the line between the ends. Values that are not
// finite are far from every line.
uint64_t Farthest(absl::Span<const double> values) {
  const double first = values.front();
  const double slope = (values.back() - first) / static_cast<double>(values.size() - 1);
  uint64_t best = 1;
  double best_distance = -1;
  for (uint64_t i = 1; i + 1 < values.size(); ++i) {
    const double distance = std::abs(values[i] - (first + slope * static_cast<double>(i)));
    if (!std::isfinite(values[i])) return i;
    if (distance > best_distance) {
      best_distance = distance;
      best = i;
    }
  }
  return best;
}

// Appends the extremes of [begin, end), ascending, each place once.
void AppendExtremes(absl::Span<const double> values, uint64_t begin, uint64_t end,
                    std::vector<uint64_t>* places) {
  uint64_t smallest = kNone;
  uint64_t largest = kNone;
  uint64_t first_nan = kNone;
  for (uint64_t i = begin; i < end; ++i) {
    if (std::isnan(values[i])) {
      if (first_nan == kNone) first_nan = i;
    } else {
      if (smallest == kNone || values[i] < values[smallest]) smallest = i;
      if (largest == kNone || values[i] > values[largest]) largest = i;
    }
  }
  std::array<uint64_t, 3> found = {smallest, largest, first_nan};
  std::sort(found.begin(), found.end());
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i] != kNone && (i == 0 || found[i] != found[i - 1])) places->push_back(found[i]);
  }
}

}  // namespace

std::vector<uint64_t> SampleExtremes(absl::Span<const double> values, uint64_t points_max) {
  CHECK(points_max > 0, "a sample of no points");
  const uint64_t count = values.size();
  if (count <= points_max) return AllOf(count);
  if (points_max == 1) return {count - 1};
  if (points_max == 2) return {0, count - 1};
  if (points_max == 3) return {0, Farthest(values), count - 1};

  const bool has_nan =
      std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
  const uint64_t bucket_points = has_nan && points_max >= 5 ? 3 : 2;
  const uint64_t buckets = (points_max - 2) / bucket_points;
  std::vector<uint64_t> places = {0};
  places.reserve(points_max);
  for (uint64_t i = 0; i < buckets; ++i) {
    const size_t before = places.size();
    AppendExtremes(values, BucketBegin(i, buckets, count), BucketBegin(i + 1, buckets, count),
                   &places);
    // Two extremes and a NaN where only two were planned: with 4 points in all.
    if (places.size() > before + bucket_points) places.resize(before + bucket_points);
  }
  places.push_back(count - 1);
  return places;
}

std::vector<uint64_t> SampleEvenly(uint64_t count, uint64_t points_max) {
  CHECK(points_max > 0, "a sample of no points");
  if (count <= points_max) return AllOf(count);
  if (points_max == 1) return {count - 1};
  std::vector<uint64_t> places(points_max);
  for (uint64_t i = 0; i < points_max; ++i) {
    const unsigned __int128 scaled = static_cast<unsigned __int128>(count - 1) * i;
    places[i] = static_cast<uint64_t>(scaled / (points_max - 1));
  }
  return places;
}

}  // namespace tributary
