#include "collector/serve/plugins/hparams_table.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/csv.h"

namespace tributary::serve {
namespace {

using Cell = HparamsTable::Cell;

Cell HparamCell(const tensorboard::hparams::SessionGroup& group, const std::string& name) {
  const auto found = group.hparams().find(name);
  if (found == group.hparams().end()) return std::string();
  const google::protobuf::Value& value = found->second;
  if (value.has_number_value()) return value.number_value();
  if (value.has_bool_value()) return value.bool_value();
  return value.string_value();
}

template <typename T>
std::vector<T> Visible(std::vector<T> all, const std::vector<bool>& visible) {
  std::vector<T> kept;
  for (size_t i = 0; i < all.size() && i < visible.size(); ++i) {
    if (visible[i]) kept.push_back(std::move(all[i]));
  }
  return kept;
}

void WriteCell(const Cell& cell, JsonWriter* writer) {
  if (const bool* truth = std::get_if<bool>(&cell)) {
    writer->Bool(*truth);
  } else if (const double* number = std::get_if<double>(&cell)) {
    writer->Double(*number);
  } else if (const std::string* text = std::get_if<std::string>(&cell)) {
    writer->String(*text);
  } else {
    writer->Null();
  }
}

std::string CsvCell(const Cell& cell) {
  if (const bool* truth = std::get_if<bool>(&cell)) return *truth ? "True" : "False";
  if (const double* number = std::get_if<double>(&cell)) return CsvNumber(*number);
  if (const std::string* text = std::get_if<std::string>(&cell)) return *text;
  return "";
}

std::string LatexText(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"_", "\\_"}, {"%", "\\%"}});
}

// Three digits, a power of ten apart.
std::string LatexNumber(double number) {
  if (std::isnan(number)) return "$\\mathrm{NaN}$";
  if (std::isinf(number)) return number < 0 ? "$-\\infty$" : "$+\\infty$";
  std::array<char, 32> text;
  const int length = std::snprintf(text.data(), text.size(), "%.3g", number);
  const std::vector<std::string> parts =
      absl::StrSplit(std::string(text.data(), static_cast<size_t>(length)), 'e');
  if (parts.size() == 1) return absl::StrCat("$", parts[0], "$");
  int exponent = 0;
  if (!absl::SimpleAtoi(parts[1], &exponent)) return LatexText(parts[1]);
  return absl::StrCat("$", parts[0], "\\cdot 10^{", exponent, "}$");
}

std::string LatexCell(const Cell& cell) {
  if (const bool* truth = std::get_if<bool>(&cell)) return *truth ? "$1$" : "$0$";
  if (const double* number = std::get_if<double>(&cell)) return LatexNumber(*number);
  if (const std::string* text = std::get_if<std::string>(&cell)) return LatexText(*text);
  return "-";
}

}  // namespace

HparamsTable MakeHparamsTable(const tensorboard::hparams::Experiment& experiment,
                              const tensorboard::hparams::ListSessionGroupsResponse& groups,
                              const std::vector<bool>& visible) {
  HparamsTable table;
  for (const auto& info : experiment.hparam_infos()) {
    table.header.push_back(info.display_name().empty() ? info.name() : info.display_name());
  }
  for (const auto& info : experiment.metric_infos()) {
    table.header.push_back(info.display_name().empty() ? info.name().tag() : info.display_name());
  }
  table.header = Visible(std::move(table.header), visible);
  for (const auto& group : groups.session_groups()) {
    std::map<std::pair<std::string, std::string>, double> metrics;
    for (const auto& value : group.metric_values()) {
      metrics[{value.name().group(), value.name().tag()}] = value.value();
    }
    std::vector<Cell> row;
    for (const auto& info : experiment.hparam_infos())
      row.push_back(HparamCell(group, info.name()));
    for (const auto& info : experiment.metric_infos()) {
      const auto found = metrics.find({info.name().group(), info.name().tag()});
      row.emplace_back();
      if (found != metrics.end()) row.back() = found->second;
    }
    table.rows.push_back(Visible(std::move(row), visible));
  }
  return table;
}

std::string HparamsJson(const HparamsTable& table) {
  JsonWriter writer;
  writer.BeginObject();
  writer.Key("header");
  writer.BeginArray();
  for (const std::string& name : table.header) writer.String(name);
  writer.EndArray();
  writer.Key("rows");
  writer.BeginArray();
  for (const std::vector<Cell>& row : table.rows) {
    writer.BeginArray();
    for (const Cell& cell : row) WriteCell(cell, &writer);
    writer.EndArray();
  }
  writer.EndArray();
  writer.EndObject();
  return writer.Take();
}

std::string HparamsCsv(const HparamsTable& table) {
  std::string text = CsvLine(table.header);
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<std::string> fields;
    for (const Cell& cell : row) fields.push_back(CsvCell(cell));
    text += CsvLine(fields);
  }
  return text;
}

std::string HparamsLatex(const HparamsTable& table) {
  const auto line = [](const std::vector<std::string>& cells, absl::string_view end) {
    return absl::StrCat(absl::StrJoin(cells, " & "), end);
  };
  std::string text = absl::StrCat("\\begin{table}[tbp]\n\\begin{tabular}{",
                                  std::string(table.header.size(), 'l'), "}\n");
  std::vector<std::string> cells;
  for (const std::string& name : table.header) cells.push_back(LatexText(name));
  text += line(cells, " \\\\ \\hline\n");
  for (const std::vector<Cell>& row : table.rows) {
    cells.clear();
    for (const Cell& cell : row) cells.push_back(LatexCell(cell));
    text += line(cells, " \\\\\n");
  }
  return text + "\\hline\n\\end{tabular}\n\\end{table}\n";
}

}  // namespace tributary::serve
