#include "collector/serve/plugins/histograms.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/series_listing.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

constexpr std::array<int, 9> kBasisPoints = {0, 668, 1587, 3085, 5000, 6915, 8413, 9332, 10000};

absl::StatusOr<std::vector<Histogram>> ReadNamed(const IndexReader& index,
                                                 const http::Request& request,
                                                 uint64_t points_max) {
  ASSIGN_OR_RETURN(const std::string run, RequiredParameter(request, "run"));
  ASSIGN_OR_RETURN(const std::string tag, RequiredParameter(request, "tag"));
  return ReadHistograms(index, RunName(run), Tag(tag), points_max);
}

}  // namespace

absl::StatusOr<std::vector<Histogram>> ReadHistograms(const IndexReader& index, const RunName& run,
                                                      const Tag& tag, uint64_t points_max) {
  RETURN_IF_ERROR(FindSeriesOf(index, kHistograms, run, tag).status());
  ASSIGN_OR_RETURN(const std::vector<RecordReference> references,
                   index.ReadReferences(run, tag, points_max));
  std::vector<Histogram> histograms;
  histograms.reserve(references.size());
  for (const RecordReference& reference : references) {
    ASSIGN_OR_RETURN(const tensorboard::Summary::Value value, ReadValue(reference));
    std::optional<std::vector<Bucket>> buckets = HistogramOf(value);
    if (!buckets.has_value()) continue;
    histograms.push_back({reference.step, reference.wall_time, *std::move(buckets)});
  }
  return histograms;
}

Distribution CompressHistogram(const std::vector<Bucket>& buckets) {
  Distribution result;
  for (size_t i = 0; i < kBasisPoints.size(); ++i) result[i] = {kBasisPoints[i], 0.0};
  if (buckets.empty()) return result;
  double total = 0;
  for (const Bucket& bucket : buckets) total += bucket.count;
  if (total == 0) total = 1;
  // Shares of all values up to and with each bucket, in basis points.
  std::vector<double> shares;
  shares.reserve(buckets.size());
  double sum = 0;
  for (const Bucket& bucket : buckets) {
    // Rounded per bucket, as TensorBoard does: the last digits are compared.
    sum += bucket.count * 10000.0 / total;
    shares.push_back(sum);
  }
  const auto before = [&shares](size_t i) { return i == 0 ? 0.0 : shares[i - 1]; };
  size_t i = 0;
  for (auto& [basis_points, value] : result) {
    while (i < shares.size() && shares[i] <= basis_points) ++i;  // NaN is above all
    while (i < shares.size() && shares[i] == before(i)) ++i;     // empty buckets
    if (i == shares.size()) {
      value = buckets.back().right;
      continue;
    }
    const double low = i == 0 || before(i) == 0 ? buckets.front().left
                                                : std::max(buckets[i - 1].right, buckets[0].left);
    const double high = std::min(buckets[i].right, buckets.back().right);
    value = low + (basis_points - before(i)) * (high - low) / (shares[i] - before(i));
  }
  return result;
}

void HistogramsPlugin::AddRoutes(Router* router) const {
  for (const char* path : {"/data/plugin/histograms/tags", "/data/plugin/distributions/tags"}) {
    router->Add(path, true,
                [this](const http::Request&, const Location& at) { return Tags(*at.index); });
  }
  router->Add("/data/plugin/histograms/histograms", true,
              [this](const http::Request& request, const Location& at) {
                return Histograms(request, *at.index);
              });
  router->Add("/data/plugin/distributions/distributions", true,
              [this](const http::Request& request, const Location& at) {
                return Distributions(request, *at.index);
              });
}

http::Response HistogramsPlugin::Tags(const IndexReader& index) const {
  JsonWriter writer;
  WriteTags(KnownSeries(index, kHistograms), &writer, nullptr);
  return JsonAnswer(&writer);
}

http::Response HistogramsPlugin::Histograms(const http::Request& request,
                                            const IndexReader& index) const {
  const absl::StatusOr<std::vector<Histogram>> histograms =
      ReadNamed(index, request, kHistogramsMax);
  if (!histograms.ok()) return ErrorAnswer(histograms.status());
  JsonWriter writer;
  writer.BeginArray();
  for (const Histogram& histogram : *histograms) {
    writer.BeginArray();
    writer.Double(histogram.wall_time.value());
    writer.Int(histogram.step.value());
    writer.BeginArray();
    for (const Bucket& bucket : histogram.buckets) {
      writer.BeginArray();
      writer.Double(bucket.left);
      writer.Double(bucket.right);
      writer.Double(bucket.count);
      writer.EndArray();
    }
    writer.EndArray();
    writer.EndArray();
  }
  writer.EndArray();
  return JsonAnswer(&writer);
}

http::Response HistogramsPlugin::Distributions(const http::Request& request,
                                               const IndexReader& index) const {
  const absl::StatusOr<std::vector<Histogram>> histograms =
      ReadNamed(index, request, kDistributionsMax);
  if (!histograms.ok()) return ErrorAnswer(histograms.status());
  JsonWriter writer;
  writer.BeginArray();
  for (const Histogram& histogram : *histograms) {
    writer.BeginArray();
    writer.Double(histogram.wall_time.value());
    writer.Int(histogram.step.value());
    writer.BeginArray();
    for (const auto& [basis_points, value] : CompressHistogram(histogram.buckets)) {
      writer.BeginArray();
      writer.Int(basis_points);
      writer.Double(value);
      writer.EndArray();
    }
    writer.EndArray();
    writer.EndArray();
  }
  writer.EndArray();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
