#include "collector/index/placement.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tributary {
namespace {

constexpr absl::string_view kMarker = "tfevents.";
constexpr size_t kSecondDigits = 10;
constexpr double kConcurrentAfterSeconds = 5;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

// "<host>.<pid>" of "<host>.<pid>.<n>[suffix]", the host as long as it can be. Empty if `text` is
// not of that form.
std::string ParseProcess(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  for (size_t n = parts.size(); n-- > 2;) {
    // A suffix may follow the number at once.
    const bool number = !parts[n].empty() && IsDigit(parts[n].front());
    if (!number || !IsNumber(parts[n - 1])) continue;
    const char* end = parts[n - 1].data() + parts[n - 1].size();
    if (parts[n - 1].data() - text.data() < 2) continue;  // No host.
    return std::string(text.data(), static_cast<size_t>(end - text.data()));
  }
  return "";
}

class Placer {
 public:
  explicit Placer(const std::vector<PlacedFile>& files) : files_(files), by_tag_(files.size()) {
    starts_.reserve(files.size());
    latest_.reserve(files.size());
    for (const PlacedFile& file : files) {
      starts_.push_back(Start(file));
      double latest = -std::numeric_limits<double>::infinity();
      for (const PlacedSeries& series : file.series) {
        if (series.scalar) latest = std::max(latest, series.max_wall_time);
      }
      latest_.push_back(latest);
    }
  }

  // True if no two files can be concurrent, whatever their series: the usual case.
  bool AllApart() const;
  Placement Run();

 private:
  static std::optional<double> Start(const PlacedFile& file) {
    if (file.writer.start_second.has_value()) {
      return static_cast<double>(*file.writer.start_second);
    }
    return file.first_wall_time;
  }
  bool Concurrent(size_t a, size_t b);
  // `early` has, in a scalar series that `late` has too, a point well after the start of `late`.
  bool Outlives(size_t early, size_t late);
  const absl::flat_hash_map<uint32_t, double>& ScalarsOf(size_t file);

  const std::vector<PlacedFile>& files_;
  std::vector<std::optional<double>> starts_;
  std::vector<double> latest_;  // latest wall time of any scalar
  std::vector<std::optional<absl::flat_hash_map<uint32_t, double>>> by_tag_;
  absl::flat_hash_map<std::pair<size_t, size_t>, bool> known_;
};

bool Placer::AllApart() const {
  std::vector<size_t> order;
  for (size_t i = 0; i < files_.size(); ++i) {
    if (starts_[i].has_value()) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [this](size_t a, size_t b) {
    return std::pair(*starts_[a], a) < std::pair(*starts_[b], b);
  });
  double latest = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < order.size(); ++i) {
    if (latest > *starts_[order[i]] + kConcurrentAfterSeconds) return false;
    // Equal starts count both ways.
    if (i > 0 && *starts_[order[i]] == *starts_[order[i - 1]] &&
        latest_[order[i]] > *starts_[order[i]] + kConcurrentAfterSeconds) {
      return false;
    }
    latest = std::max(latest, latest_[order[i]]);
  }
  return true;
}

const absl::flat_hash_map<uint32_t, double>& Placer::ScalarsOf(size_t file) {
  if (!by_tag_[file].has_value()) {
    by_tag_[file].emplace();
    for (const PlacedSeries& series : files_[file].series) {
      if (series.scalar) by_tag_[file]->emplace(series.tag, series.max_wall_time);
    }
  }
  return *by_tag_[file];
}

bool Placer::Outlives(size_t early, size_t late) {
  const double border = *starts_[late] + kConcurrentAfterSeconds;
  if (!(latest_[early] > border)) return false;
  const auto& others = ScalarsOf(late);
  for (const PlacedSeries& series : files_[early].series) {
    if (series.scalar && series.max_wall_time > border && others.contains(series.tag)) return true;
  }
  return false;
}

bool Placer::Concurrent(size_t a, size_t b) {
  const std::string& process = files_[a].writer.process;
  if (!process.empty() && process == files_[b].writer.process) return false;
  if (!starts_[a].has_value() || !starts_[b].has_value()) return false;
  const auto [known, is_new] = known_.try_emplace({a, b}, false);
  if (!is_new) return known->second;
  const bool concurrent = (*starts_[a] <= *starts_[b] && Outlives(a, b)) ||
                          (*starts_[b] <= *starts_[a] && Outlives(b, a));
  known_[{a, b}] = concurrent;
  return concurrent;
}

Placement Placer::Run() {
  Placement placement;
  placement.run_of.resize(files_.size());
  // Files placed in the run itself, for each tag.
  absl::flat_hash_map<uint32_t, std::vector<size_t>> in_run;
  absl::flat_hash_map<std::string, uint32_t> split_numbers;
  // Series that a split run already has, by (its number, tag).
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, bool> in_split;
  for (size_t i = 0; i < files_.size(); ++i) {
    const WriterIdentity& writer = files_[i].writer;
    const std::string suffix =
        absl::StrCat("@", writer.process.empty() ? writer.rest : writer.process);
    for (const PlacedSeries& series : files_[i].series) {
      const auto split = split_numbers.find(suffix);
      uint32_t number = 0;
      if (!writer.process.empty() && split != split_numbers.end() &&
          in_split.contains({split->second, series.tag})) {
        number = split->second;
      } else {
        std::vector<size_t>& placed = in_run[series.tag];
        const bool apart = std::none_of(placed.begin(), placed.end(),
                                        [&](size_t other) { return Concurrent(other, i); });
        if (apart) {
          placed.push_back(i);
        } else if (split != split_numbers.end()) {
          number = split->second;
        } else {
          placement.splits.push_back(suffix);
          number = static_cast<uint32_t>(placement.splits.size());
          split_numbers.emplace(suffix, number);
        }
        if (number != 0) in_split.emplace(std::pair(number, series.tag), true);
      }
      placement.run_of[i].push_back(number);
    }
  }
  return placement;
}

}  // namespace

WriterIdentity ParseWriter(absl::string_view file_name) {
  WriterIdentity writer;
  writer.rest = std::string(file_name);
  const size_t marker = file_name.find(kMarker);
  if (marker == absl::string_view::npos) return writer;
  absl::string_view rest = file_name.substr(marker + kMarker.size());
  if (rest.empty()) return writer;
  writer.rest = std::string(rest);
  const absl::string_view second = rest.substr(0, rest.find('.'));
  int64_t start = 0;
  if (second.size() != kSecondDigits || !IsNumber(second) || !absl::SimpleAtoi(second, &start)) {
    return writer;
  }
  writer.start_second = start;
  rest.remove_prefix(second.size());
  if (absl::StartsWith(rest, ".")) writer.process = ParseProcess(rest.substr(1));
  return writer;
}

Placement Place(const std::vector<PlacedFile>& files, bool merge) {
  Placer placer(files);
  if (!merge && files.size() > 1 && !placer.AllApart()) return placer.Run();
  Placement placement;
  for (const PlacedFile& file : files) {
    placement.run_of.emplace_back(file.series.size(), 0);
  }
  return placement;
}

}  // namespace tributary
