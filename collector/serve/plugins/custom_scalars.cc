#include "collector/serve/plugins/custom_scalars.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/message_json.h"
#include "collector/serve/plugins/pattern.h"
#include "collector/serve/plugins/record_values.h"
#include "common/status_macros.h"
#include "tensorboard/plugins/custom_scalar.pb.h"

namespace tributary::serve {
namespace {

constexpr char kCustomScalars[] = "custom_scalars";
constexpr char kLayoutTag[] = "custom_scalars__config__";

using tensorboard::Category;
using tensorboard::Chart;
using tensorboard::Layout;

// The newest layout of the run; nullopt if what it holds is none.
absl::StatusOr<std::optional<Layout>> ReadLayout(const IndexReader& index,
                                                 const SeriesInfo& series) {
  ASSIGN_OR_RETURN(const std::vector<RecordReference> references,
                   index.ReadReferences(series.run, series.tag, 0));
  if (references.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const tensorboard::Summary::Value value, ReadValue(references.back()));
  Layout layout;
  if (value.tensor().string_val_size() != 1 ||
      !layout.ParseFromString(value.tensor().string_val(0))) {
    return std::nullopt;
  }
  return layout;
}

// Adds the categories of another run: those of the same title become one, without the charts that
// are there already.
void Merge(const Layout& other, Layout* layout) {
  for (const Category& category : other.category()) {
    auto* categories = layout->mutable_category();
    const auto same = std::find_if(
        categories->begin(), categories->end(),
        [&category](const Category& known) { return known.title() == category.title(); });
    if (same == categories->end()) {
      *layout->add_category() = category;
      continue;
    }
    const int known_charts = same->chart_size();
    for (const Chart& chart : category.chart()) {
      const auto end = same->chart().begin() + known_charts;
      const std::string bytes = chart.SerializeAsString();
      const bool known = std::any_of(same->chart().begin(), end, [&bytes](const Chart& one) {
        return one.SerializeAsString() == bytes;
      });
      if (!known) *same->add_chart() = chart;
    }
  }
}

}  // namespace

void CustomScalarsPlugin::AddRoutes(Router* router) const {
  const auto add = [this, router](absl::string_view route, auto method) {
    router->Add(absl::StrCat("/data/plugin/custom_scalars/", route), true,
                [this, method](const http::Request& request, const Location& at) {
                  absl::StatusOr<http::Response> response = (this->*method)(request, *at.index);
                  return response.ok() ? *std::move(response) : ErrorAnswer(response.status());
                });
  };
  add("layout", &CustomScalarsPlugin::Layout);
  add("scalars", &CustomScalarsPlugin::Scalars);
  add("download_data", &CustomScalarsPlugin::DownloadData);
}

absl::StatusOr<http::Response> CustomScalarsPlugin::Layout(const http::Request&,
                                                           const IndexReader& index) const {
  std::optional<tensorboard::Layout> merged;
  SeriesFilter filter;
  filter.plugin_name = kCustomScalars;
  filter.tags = {kLayoutTag};
  for (const SeriesInfo& series : SeriesOf(index, filter)) {
    ASSIGN_OR_RETURN(const std::optional<tensorboard::Layout> layout, ReadLayout(index, series));
    if (!layout.has_value()) continue;
    if (merged.has_value()) {
      Merge(*layout, &*merged);
    } else {
      merged = layout;
    }
  }
  if (merged.has_value()) return MessageAnswer(*merged);
  JsonWriter writer;
  writer.BeginObject();
  writer.EndObject();
  return JsonAnswer(&writer);
}

absl::StatusOr<http::Response> CustomScalarsPlugin::Scalars(const http::Request& request,
                                                            const IndexReader& index) const {
  const std::string expression(request.QueryValue("tag").value_or(""));
  const absl::StatusOr<Pattern> pattern = Pattern::Compile(expression);
  const bool valid = !expression.empty() && pattern.ok();
  JsonWriter writer;
  writer.BeginObject();
  writer.Key("regex_valid");
  writer.Bool(valid);
  writer.Key("tag_to_events");
  writer.BeginObject();
  if (valid) {
    ASSIGN_OR_RETURN(const std::string run, RequiredParameter(request, "run"));
    SeriesFilter filter;
    filter.plugin_name = kScalars;
    filter.runs = {run};
    for (const SeriesInfo& series : SeriesOf(index, filter)) {
      if (!pattern->MatchStart(series.tag.value())) continue;
      ASSIGN_OR_RETURN(const ScalarPoints points,
                       ReadScalarSeries(index, series.run, series.tag, points_max_));
      writer.Key(series.tag.value());
      WriteScalarPoints(points, &writer);
    }
  }
  writer.EndObject();
  writer.EndObject();
  return JsonAnswer(&writer);
}

absl::StatusOr<http::Response> CustomScalarsPlugin::DownloadData(const http::Request& request,
                                                                 const IndexReader& index) const {
  ASSIGN_OR_RETURN(const std::string run, RequiredParameter(request, "run"));
  ASSIGN_OR_RETURN(const std::string tag, RequiredParameter(request, "tag"));
  ASSIGN_OR_RETURN(const ScalarPoints points,
                   ReadScalarSeries(index, RunName(run), Tag(tag), points_max_));
  if (request.QueryValue("format") == "csv") return ScalarCsvAnswer(points);
  JsonWriter writer;
  WriteScalarPoints(points, &writer);
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
