#include "collector/serve/plugins/pr_curves.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/record_values.h"
#include "collector/serve/plugins/tensor_elements.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

// The rows of a curve, in this order.
enum Row { kTruePositives, kFalsePositives, kTrueNegatives, kFalseNegatives, kPrecision, kRecall };
constexpr size_t kRows = 6;
// More thresholds than any writer makes; a tensor of one element may claim any shape.
constexpr size_t kThresholdsMax = 1 << 20;

// One column per threshold.
struct Curve {
  size_t width = 0;
  std::vector<double> elements;
  double at(Row row, size_t column) const { return elements[row * width + column]; }
};

// nullopt for a value that is no curve.
std::optional<Curve> CurveOf(const tensorboard::Summary::Value& value) {
  const tensorboard::TensorShapeProto& shape = value.tensor().tensor_shape();
  if (!value.has_tensor() || shape.dim_size() != 2 || shape.dim(0).size() < int64_t{kRows} ||
      shape.dim(1).size() < 1) {
    return std::nullopt;
  }
  const std::optional<size_t> wanted = ShapeElements(shape, kRows * kThresholdsMax);
  if (!wanted.has_value()) return std::nullopt;
  std::optional<std::vector<double>> elements = TensorElements(value.tensor(), *wanted);
  if (!elements.has_value()) return std::nullopt;
  return Curve{static_cast<size_t>(shape.dim(1).size()), *std::move(elements)};
}

// Towards zero; 0 for what is no number, the nearest one for what does not fit.
int64_t Count(double value) {
  constexpr double kEnd = 9223372036854775808.0;
  if (std::isnan(value)) return 0;
  if (value >= kEnd) return std::numeric_limits<int64_t>::max();
  if (value < -kEnd) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

// Up to the last threshold with a prediction; the first one always.
size_t ShownWidth(const Curve& curve) {
  size_t width = curve.width;
  while (width > 1 && std::trunc(curve.at(kTruePositives, width - 1)) +
                              std::trunc(curve.at(kFalsePositives, width - 1)) ==
                          0) {
    --width;
  }
  return width;
}

void WriteCurve(const RecordReference& reference, const Curve& curve, JsonWriter* writer) {
  struct Column {
    absl::string_view name;
    Row row;
    bool counts;
  };
  constexpr std::array<Column, kRows> kColumns = {{{"precision", kPrecision, false},
                                                   {"recall", kRecall, false},
                                                   {"true_positives", kTruePositives, true},
                                                   {"false_positives", kFalsePositives, true},
                                                   {"true_negatives", kTrueNegatives, true},
                                                   {"false_negatives", kFalseNegatives, true}}};
  const size_t width = ShownWidth(curve);
  writer->BeginObject();
  writer->Key("wall_time");
  writer->Double(reference.wall_time.value());
  writer->Key("step");
  writer->Int(reference.step.value());
  for (const Column& column : kColumns) {
    writer->Key(column.name);
    writer->BeginArray();
    for (size_t i = 0; i < width; ++i) {
      const double value = curve.at(column.row, i);
      column.counts ? writer->Int(Count(value)) : writer->Double(value);
    }
    writer->EndArray();
  }
  writer->Key("thresholds");
  writer->BeginArray();
  // Evenly spaced over all thresholds, shown or not.
  const double step = curve.width > 1 ? 1.0 / static_cast<double>(curve.width - 1) : 0;
  for (size_t i = 0; i < width; ++i) {
    writer->Double(i > 0 && i + 1 == curve.width ? 1.0 : static_cast<double>(i) * step);
  }
  writer->EndArray();
  writer->EndObject();
}

absl::Status WriteCurves(const IndexReader& index, const RunName& run, const Tag& tag,
                         uint64_t points_max, JsonWriter* writer) {
  ASSIGN_OR_RETURN(const std::vector<RecordReference> references,
                   index.ReadReferences(run, tag, points_max));
  writer->BeginArray();
  for (const RecordReference& reference : references) {
    ASSIGN_OR_RETURN(const tensorboard::Summary::Value value, ReadValue(reference));
    if (const std::optional<Curve> curve = CurveOf(value)) WriteCurve(reference, *curve, writer);
  }
  writer->EndArray();
  return absl::OkStatus();
}

}  // namespace

void PrCurvesPlugin::AddRoutes(Router* router) const {
  router->Add("/data/plugin/pr_curves/tags", true,
              [this](const http::Request&, const Location& at) { return Tags(*at.index); });
  router->Add("/data/plugin/pr_curves/pr_curves", true,
              [this](const http::Request& request, const Location& at) {
                return PrCurves(request, *at.index);
              });
}

http::Response PrCurvesPlugin::Tags(const IndexReader& index) const {
  JsonWriter writer;
  WriteTags(KnownSeries(index, kPrCurves), &writer, nullptr);
  return JsonAnswer(&writer);
}

http::Response PrCurvesPlugin::PrCurves(const http::Request& request,
                                        const IndexReader& index) const {
  const absl::StatusOr<std::string> tag = RequiredParameter(request, "tag");
  if (!tag.ok()) return ErrorAnswer(tag.status());
  std::set<std::string> runs;
  for (const auto& [key, value] : request.query) {
    if (key == "run") runs.insert(value);
  }
  if (runs.empty()) return ErrorAnswer(absl::InvalidArgumentError("the query names no \"run\""));
  JsonWriter writer;
  writer.BeginObject();
  for (const std::string& run : runs) {
    if (!FindSeriesOf(index, kPrCurves, RunName(run), Tag(*tag)).ok()) {
      return ErrorAnswer(absl::InvalidArgumentError(
          absl::StrCat("no PR curves for run=\"", run, "\", tag=\"", *tag, "\"")));
    }
    writer.Key(run);
    const absl::Status status = WriteCurves(index, RunName(run), Tag(*tag), points_max_, &writer);
    if (!status.ok()) return ErrorAnswer(status);
  }
  writer.EndObject();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
