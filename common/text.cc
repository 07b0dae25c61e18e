#include "common/text.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/utf8.h"

namespace tributary {
namespace {

// Code points, which is near enough to columns.
size_t Width(const std::string& cell) {
  return static_cast<size_t>(std::count_if(cell.begin(), cell.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// As the Cluster tab has it (cluster_tab/dom.js).
bool IsUnseen(uint32_t code) {
  constexpr std::pair<uint32_t, uint32_t> kRanges[] = {{0x00, 0x1f},     {0x7f, 0x9f},
                                                       {0x200b, 0x200f}, {0x2028, 0x202e},
                                                       {0x2060, 0x2069}, {0xfeff, 0xfeff}};
  return std::any_of(std::begin(kRanges), std::end(kRanges), [code](const auto& range) {
    return range.first <= code && code <= range.second;
  });
}

}  // namespace

std::string Printable(absl::string_view text) {
  const std::string valid = ValidUtf8(text);
  std::string line;
  for (size_t i = 0; i < valid.size();) {
    const auto lead = static_cast<unsigned char>(valid[i]);
    const size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t code = bytes == 1 ? lead : lead & (0x7fu >> bytes);
    for (size_t k = 1; k < bytes; ++k) {
      code = code << 6 | (static_cast<unsigned char>(valid[i + k]) & 0x3f);
    }
    if (IsUnseen(code)) {
      line.push_back('?');
    } else {
      line.append(valid, i, bytes);
    }
    i += bytes;
  }
  return line;
}

std::string TextTable(const std::vector<std::string>& heading,
                      const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells = {heading};
  for (const auto& row : rows) {
    cells.emplace_back();
    for (const std::string& cell : row) cells.back().push_back(Printable(cell));
  }
  std::vector<size_t> widths(heading.size());
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&text, row[i]);
      // Nothing pads the end of a line.
      if (i + 1 < row.size()) text.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    text.push_back('\n');
  }
  return text;
}

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  for (const char c : ValidUtf8(text)) {
    if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&json, "\\u%04x", static_cast<unsigned>(c));
    } else {
      json.push_back(c);
    }
  }
  json.push_back('"');
  return json;
}

std::string HumanBytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  const int digits = unit == 0 || value >= 9.95 ? 0 : 1;
  return absl::StrFormat("%.*f %s", digits, value, kUnits[unit]);
}

std::string HumanDuration(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(999));
  if (seconds < 100) return absl::StrCat(seconds, " s");
  const int64_t minutes = seconds / 60 + (seconds % 60 >= 30 ? 1 : 0);
  if (minutes < 60) return absl::StrCat(minutes, " min");
  if (minutes < 48 * 60) return absl::StrCat(minutes / 60, " h ", minutes % 60, " min");
  return absl::StrCat(minutes / (24 * 60), " d");
}

std::string Counted(uint64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace tributary
