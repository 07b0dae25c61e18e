#include "collector/serve/plugins/text.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/markdown.h"
#include "collector/serve/plugins/record_values.h"
#include "collector/serve/plugins/tensor_elements.h"
#include "collector/serve/safe_html.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

// More cells than a page can show; a tensor of one string may claim any shape.
constexpr size_t kCellsMax = 1u << 20;
// Of the HTML of one table and of one answer: a few long strings may stand for very much of it.
constexpr size_t kTableBytesMax = 16u << 20;
constexpr size_t kAnswerBytesMax = 64u << 20;
constexpr char kCut[] = "<p><strong>Cut: this is too long to be shown.</strong></p>";

std::string CellHtml(absl::string_view text, bool markdown) {
  return markdown ? MarkdownToSafeHtml(text) : SafeHtml(text);
}

std::string TableHtml(const tensorboard::TensorProto& tensor, size_t rows, size_t columns,
                      bool markdown) {
  const bool one_for_all = tensor.string_val_size() == 1;
  std::string html = "<table>\n<tbody>\n";
  const auto is_full = [&html] { return html.size() > kTableBytesMax; };
  for (size_t row = 0; row < rows && !is_full(); ++row) {
    absl::StrAppend(&html, "<tr>\n");
    for (size_t column = 0; column < columns && !is_full(); ++column) {
      const int cell = one_for_all ? 0 : static_cast<int>(row * columns + column);
      absl::StrAppend(&html, "<td>", CellHtml(tensor.string_val(cell), markdown), "</td>\n");
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  absl::StrAppend(&html, "</tbody>\n</table>", is_full() ? kCut : "");
  return html;
}

// Told where TensorBoard tells it, so that nobody takes the text for whole.
std::string NullsWarning(const tensorboard::TensorProto& tensor) {
  int64_t nulls = 0;
  for (const std::string& text : tensor.string_val()) {
    nulls += std::count(text.begin(), text.end(), '\0');
  }
  if (nulls == 0) return "";
  return absl::StrCat("<!-- WARNING: discarded ", nulls,
                      " null bytes in markdown string after UTF-8 decoding -->\n");
}

}  // namespace

absl::StatusOr<std::string> TextTensorHtml(const tensorboard::TensorProto& tensor, bool markdown) {
  const tensorboard::TensorShapeProto& shape = tensor.tensor_shape();
  const std::optional<size_t> cells = ShapeElements(shape, kCellsMax);
  const auto strings = static_cast<size_t>(tensor.string_val_size());
  if (tensor.dtype() != tensorboard::DT_STRING || !cells.has_value() ||
      (strings != *cells && (strings != 1 || *cells == 0))) {
    return absl::InvalidArgumentError("not a tensor of as many strings as its shape says");
  }
  const std::string nulls = markdown ? NullsWarning(tensor) : "";
  const int rank = shape.dim_size();
  if (rank == 0) return absl::StrCat(nulls, CellHtml(tensor.string_val(0), markdown));
  std::string warning;
  if (rank > 2) {
    warning = MarkdownToSafeHtml(absl::StrCat(
        "**Warning:** This text summary contained data of dimensionality ", rank,
        ", but only   2d tables are supported. Showing a 2d slice of the data instead."));
  }
  // The first index of all but the last two dimensions; row by row, these come first.
  const auto size = [&shape](int dim) { return static_cast<size_t>(shape.dim(dim).size()); };
  const size_t rows = *cells == 0 && rank > 2 ? 0 : size(rank == 1 ? 0 : rank - 2);
  const size_t columns = rank == 1 ? 1 : size(rank - 1);
  return absl::StrCat(warning, nulls, TableHtml(tensor, rows, columns, markdown));
}

void TextPlugin::AddRoutes(Router* router) const {
  router->Add("/data/plugin/text/tags", true,
              [this](const http::Request&, const Location& at) { return Tags(*at.index); });
  router->Add("/data/plugin/text/text", true,
              [this](const http::Request& request, const Location& at) {
                return Text(request, *at.index);
              });
}

http::Response TextPlugin::Tags(const IndexReader& index) const {
  const std::vector<SeriesInfo> series = KnownSeries(index, kText);
  JsonWriter writer;
  writer.BeginObject();
  for (auto info = series.begin(); info != series.end();) {
    const RunName& run = info->run;
    writer.Key(run.value());
    writer.BeginArray();
    for (; info != series.end() && info->run == run; ++info) writer.String(info->tag.value());
    writer.EndArray();
  }
  writer.EndObject();
  return JsonAnswer(&writer);
}

http::Response TextPlugin::Text(const http::Request& request, const IndexReader& index) const {
  const absl::StatusOr<std::string> run = RequiredParameter(request, "run");
  if (!run.ok()) return ErrorAnswer(run.status());
  const absl::StatusOr<std::string> tag = RequiredParameter(request, "tag");
  if (!tag.ok()) return ErrorAnswer(tag.status());
  const bool markdown = request.QueryValue("markdown").value_or("") != "false";
  JsonWriter writer;
  writer.BeginArray();
  // Unlike other dashboards: no such series is an empty one.
  if (FindSeriesOf(index, kText, RunName(*run), Tag(*tag)).ok()) {
    const absl::StatusOr<std::vector<RecordReference>> references =
        index.ReadReferences(RunName(*run), Tag(*tag), points_max_);
    if (!references.ok()) return ErrorAnswer(references.status());
    size_t answer_bytes = 0;
    for (const RecordReference& reference : *references) {
      absl::StatusOr<std::string> html = std::string(kCut);
      if (answer_bytes <= kAnswerBytesMax) {
        const absl::StatusOr<tensorboard::Summary::Value> value = ReadValue(reference);
        if (!value.ok()) return ErrorAnswer(value.status());
        html = TextTensorHtml(value->tensor(), markdown);
      }
      // Another kind of tensor under the same name: nothing that a text dashboard could show.
      if (!html.ok()) continue;
      answer_bytes += html->size();
      writer.BeginObject();
      writer.Key("wall_time");
      writer.Double(reference.wall_time.value());
      writer.Key("step");
      writer.Int(reference.step.value());
      writer.Key("text");
      writer.String(*html);
      writer.EndObject();
    }
  }
  writer.EndArray();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
