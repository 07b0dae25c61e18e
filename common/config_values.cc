#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/config.h"

namespace tributary {
namespace {

struct Unit {
  absl::string_view name;
  uint64_t bytes;
};
// Largest first, powers of 1024 before those of 1000: the order in which a size is written.
constexpr Unit kUnits[] = {
    {"TiB", 1ull << 40},      {"GiB", 1ull << 30},   {"MiB", 1ull << 20}, {"KiB", 1ull << 10},
    {"TB", 1000000000000ull}, {"GB", 1000000000ull}, {"MB", 1000000ull},  {"kB", 1000ull},
    {"KB", 1000ull},          {"B", 1ull},
};

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

absl::StatusOr<uint64_t> ParseByteSize(absl::string_view text) {
  const absl::string_view stripped = absl::StripAsciiWhitespace(text);
  const size_t digits = stripped.find_first_not_of("0123456789.");
  const absl::string_view number = stripped.substr(0, digits);
  const absl::string_view unit = digits == absl::string_view::npos
                                     ? "B"
                                     : absl::StripLeadingAsciiWhitespace(stripped.substr(digits));
  const auto found = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const Unit& u) { return u.name == unit; });
  if (number.empty() || found == std::end(kUnits)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no size: write for example 4096, 256KiB, 1.5GiB or 10MB"));
  }
  const absl::Status too_large =
      absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is too large a size"));
  uint64_t whole = 0;
  if (absl::SimpleAtoi(number, &whole)) {
    if (whole > std::numeric_limits<uint64_t>::max() / found->bytes) return too_large;
    return whole * found->bytes;
  }
  double fraction = 0;
  if (number.find('.') == absl::string_view::npos) return too_large;
  if (!absl::SimpleAtod(number, &fraction)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no size"));
  }
  const double bytes = fraction * static_cast<double>(found->bytes);
  if (bytes >= 0x1p63) return too_large;
  return static_cast<uint64_t>(std::llround(bytes));
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  const absl::string_view stripped = absl::StripAsciiWhitespace(text);
  absl::Duration duration;
  double days = 0;
  if (!stripped.empty() && stripped.back() == 'd' &&
      absl::SimpleAtod(stripped.substr(0, stripped.size() - 1), &days)) {
    duration = absl::Hours(24) * days;
  } else if (!absl::ParseDuration(stripped, &duration)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no duration: write for example 250ms, 10s, 1m30s or 7d"));
  }
  if (duration < absl::ZeroDuration() || duration == absl::InfiniteDuration() || std::isnan(days)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no duration: negative and infinite ones are not allowed"));
  }
  return duration;
}

std::string ByteSizeText(uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (unit.bytes > 1 && bytes > 0 && bytes % unit.bytes == 0) {
      return absl::StrCat(bytes / unit.bytes, unit.name);
    }
  }
  return absl::StrCat(bytes);
}

std::string DurationText(absl::Duration duration) {
  const absl::Duration day = absl::Hours(24);
  if (duration >= day && duration % day == absl::ZeroDuration()) {
    return absl::StrCat(duration / day, "d");
  }
  std::string text = absl::FormatDuration(duration);
  // "1m0s" and "1h0m0s" without their zeros; "10s" and "1h10m" stay.
  if (text.size() > 3 && text.ends_with("m0s")) text.resize(text.size() - 2);
  if (text.size() > 3 && text.ends_with("h0m")) text.resize(text.size() - 2);
  return text;
}

std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates) {
  const std::string lower = absl::AsciiStrToLower(word);
  const std::string* nearest = nullptr;
  size_t nearest_distance = 0;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(lower, absl::AsciiStrToLower(candidate));
    if (nearest == nullptr || distance < nearest_distance) {
      nearest = &candidate;
      nearest_distance = distance;
    }
  }
  // Further off, a suggestion would mislead.
  if (nearest == nullptr || nearest_distance > std::max<size_t>(2, word.size() / 3)) return "";
  return nearest_distance >= word.size() ? "" : *nearest;
}

}  // namespace tributary
