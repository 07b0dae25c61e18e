#include "collector/inspect.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "collector/index/index.h"
#include "common/eventfile/tailer.h"
#include "common/latch.h"
#include "common/progress_line.h"
#include "common/text.h"
#include "common/thread_task_queue.h"

namespace tributary {
namespace {

constexpr size_t kBufferBytes = 1u << 20;
constexpr absl::Duration kLookEvery = absl::Milliseconds(200);
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitDamaged = 3;

struct InspectedFile {
  std::string shown_path;  // below its logdir, with the logdir's name
  std::shared_ptr<LocalFile> local;
  absl::Status status;
};

struct InspectedSeries {
  RunName run;
  Tag tag;
  std::string plugin;
  uint64_t points = 0;
  int64_t first_step = 0;
  int64_t last_step = 0;
  double first_wall_time = 0;
  double last_wall_time = 0;
};

struct InspectedDamage {
  std::string file;
  Damage damage;
};

struct Inspection {
  std::vector<RunInfo> runs;            // by start and name
  std::vector<InspectedSeries> series;  // by run and tag
  std::vector<InspectedDamage> damage;  // by file and offset
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t records = 0;
  uint64_t skipped_values = 0;
  uint64_t torn_bytes = 0;  // after the last whole record of a file
  double seconds = 0;
};

std::string ShownTime(double wall_time) {
  return absl::FormatTime(
      "%Y-%m-%d %H:%M:%S",
      absl::FromUnixMillis(static_cast<int64_t>(std::clamp(wall_time, -6e10, 2.5e11) * 1000)),
      absl::UTCTimeZone());
}

// Finds the event files of all logdirs and tells the index of them.
std::vector<InspectedFile> FindFiles(const InspectOptions& options,
                                     const InspectDependencies& dependencies, Index* index,
                                     std::ostream& err, bool* failed) {
  Tailer::Options tailer_options;
  for (const LocalSource::Logdir& logdir : options.logdirs) {
    tailer_options.roots.push_back(logdir.path);
  }
  Tailer tailer(tailer_options,
                Tailer::Dependencies{dependencies.files, dependencies.clock, nullptr});
  std::vector<InspectedFile> files;
  for (TailedFileId id : tailer.Poll()) {
    const TailedFile& tailed = tailer.file(id);
    if (!LocalSource::IsIndexed(tailed.relative_path)) continue;
    if (!tailed.present) {
      if (tailed.error.ok()) continue;
      err << "inspect: " << tailed.error.message() << "\n";
      *failed = true;
      continue;
    }
    const LocalSource::Logdir& logdir = options.logdirs[static_cast<size_t>(tailed.root)];
    EventFileIdentity identity;
    identity.run = LocalSource::RunOf(logdir.name, tailed.relative_path);
    identity.file_name = std::string(BaseName(tailed.relative_path));
    identity.logdir_name = logdir.name;
    identity.path = tailed.relative_path;
    InspectedFile file;
    file.shown_path =
        absl::StrCat(logdir.name, logdir.name.empty() ? "" : "/", tailed.relative_path);
    file.local =
        std::make_shared<LocalFile>(dependencies.files, JoinPath(logdir.path, tailed.relative_path),
                                    index->AddFile(identity, nullptr));
    files.push_back(std::move(file));
  }
  for (const UnlistedDirectory& directory : tailer.TakeNewlyUnlisted()) {
    err << "inspect: cannot list " << directory.error.message() << "\n";
    *failed = true;
  }
  return files;
}

void ReadAll(const InspectOptions& options, const InspectDependencies& dependencies,
             std::vector<InspectedFile>* files, std::ostream& err) {
  std::vector<std::vector<char>> buffers(static_cast<size_t>(options.threads));
  std::vector<std::unique_ptr<ThreadTaskQueue>> loaders;
  for (size_t i = 0; i < buffers.size(); ++i) {
    loaders.push_back(
        std::make_unique<ThreadTaskQueue>(absl::StrCat("inspect-", i), dependencies.clock));
  }
  // The largest first, each to the loader with the least to do.
  std::vector<std::pair<uint64_t, InspectedFile*>> order;
  for (InspectedFile& file : *files) {
    const auto stat = dependencies.files->Stat(file.local->path());
    order.emplace_back(stat.ok() ? stat->size_bytes : 0, &file);
  }
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<uint64_t> work(loaders.size(), 0);
  uint64_t bytes_total = 0;
  std::atomic<size_t> files_done{0};
  Latch all_done;
  if (order.empty()) all_done.Set();
  for (const auto& [size_bytes, file] : order) {
    const size_t loader =
        static_cast<size_t>(std::min_element(work.begin(), work.end()) - work.begin());
    work[loader] += size_bytes + 1;
    bytes_total += size_bytes;
    loaders[loader]->Post([file, buffer = &buffers[loader], &order, &files_done, &all_done] {
      buffer->resize(kBufferBytes);
      file->status =
          file->local->Load(UINT64_MAX, LocalFile::kAtRest, absl::MakeSpan(*buffer)).status;
      if (++files_done == order.size()) all_done.Set();
    });
  }
  ProgressLine progress(&err, dependencies.err_is_terminal, dependencies.clock);
  while (!all_done.WaitFor(dependencies.clock, kLookEvery)) {
    uint64_t bytes = 0;
    for (const InspectedFile& file : *files) bytes += file.local->index()->indexed_bytes();
    progress.Show(absl::StrCat("read ", HumanBytes(bytes), " of ", HumanBytes(bytes_total), ", ",
                               files_done.load(), " of ", Counted(order.size(), "file")),
                  bytes, bytes_total);
  }
  for (auto& loader : loaders) loader->Stop();
}

InspectedSeries Describe(const Index& index, const SeriesInfo& info) {
  InspectedSeries series;
  series.run = info.run;
  series.tag = info.tag;
  series.plugin = info.metadata->plugin_name;
  series.points = info.points;
  if (info.metadata->data_class == DataClass::kScalar) {
    const auto points = index.ReadScalars(info.run, info.tag, {.points_max = 2});
    if (points.ok() && !points->steps.empty()) {
      series.first_step = points->steps.front();
      series.last_step = points->steps.back();
      series.first_wall_time = points->wall_times.front();
      series.last_wall_time = points->wall_times.back();
    }
    return series;
  }
  const auto references = index.ReadReferences(info.run, info.tag, 2);
  if (references.ok() && !references->empty()) {
    series.first_step = references->front().step.value();
    series.last_step = references->back().step.value();
    series.first_wall_time = references->front().wall_time.value();
    series.last_wall_time = references->back().wall_time.value();
  }
  return series;
}

Inspection Collect(const Index& index, const std::vector<InspectedFile>& files) {
  Inspection inspection;
  inspection.runs = index.Runs();
  for (const std::string& plugin : index.Plugins()) {
    for (const SeriesInfo& info : index.ListSeries({.plugin_name = plugin})) {
      inspection.series.push_back(Describe(index, info));
    }
  }
  std::sort(inspection.series.begin(), inspection.series.end(),
            [](const InspectedSeries& a, const InspectedSeries& b) {
              return std::tie(a.run, a.tag) < std::tie(b.run, b.tag);
            });
  for (const InspectedFile& file : files) {
    const FileIndex& indexed = *file.local->index();
    ++inspection.files;
    inspection.bytes += indexed.indexed_bytes();
    inspection.records += indexed.records();
    inspection.skipped_values += indexed.skipped_values();
    for (const Damage& damage : indexed.damage()) {
      inspection.damage.push_back({file.shown_path, damage});
    }
    if (indexed.framing_holds()) {
      inspection.torn_bytes += indexed.indexed_bytes() - indexed.boundary_offset();
    }
  }
  std::sort(inspection.damage.begin(), inspection.damage.end(),
            [](const InspectedDamage& a, const InspectedDamage& b) {
              return std::tie(a.file, a.damage.offset) < std::tie(b.file, b.damage.offset);
            });
  return inspection;
}

void WriteJson(const Inspection& inspection, std::ostream& out) {
  out << "{\"runs\": [";
  const char* run_separator = "";
  for (const RunInfo& run : inspection.runs) {
    out << run_separator << "\n  {\"run\": " << JsonString(run.name.value()) << ", \"tags\": [";
    run_separator = ",";
    const char* tag_separator = "";
    const auto begin = std::lower_bound(
        inspection.series.begin(), inspection.series.end(), run.name,
        [](const InspectedSeries& series, const RunName& name) { return series.run < name; });
    for (auto series = begin; series != inspection.series.end() && series->run == run.name;
         ++series) {
      out << tag_separator << "\n    {\"tag\": " << JsonString(series->tag.value())
          << ", \"plugin\": " << JsonString(series->plugin) << ", \"points\": " << series->points
          << ", \"first_step\": " << series->first_step << ", \"last_step\": " << series->last_step
          << "}";
      tag_separator = ",";
    }
    out << "]}";
  }
  out << "],\n \"damage\": [";
  const char* separator = "";
  for (const InspectedDamage& entry : inspection.damage) {
    out << separator << "\n  {\"file\": " << JsonString(entry.file)
        << ", \"offset\": " << entry.damage.offset << ", \"length\": " << entry.damage.length_bytes
        << ", \"cause\": " << JsonString(DamageCauseName(entry.damage.cause)) << "}";
    separator = ",";
  }
  out << "],\n \"bytes\": " << inspection.bytes
      << ", \"seconds\": " << absl::StrFormat("%.6f", inspection.seconds) << "}\n";
}

void WriteTables(const Inspection& inspection, std::ostream& out) {
  uint64_t points = 0;
  size_t tag_width = 3;
  size_t plugin_width = 6;
  for (const InspectedSeries& series : inspection.series) {
    points += series.points;
    tag_width = std::max(tag_width, std::min<size_t>(Printable(series.tag.value()).size(), 60));
    plugin_width = std::max(plugin_width, Printable(series.plugin).size());
  }
  const int tags = static_cast<int>(tag_width);
  const int plugins = static_cast<int>(plugin_width);
  for (const RunInfo& run : inspection.runs) {
    out << Printable(run.name.value()) << "\n";
    const auto begin = std::lower_bound(
        inspection.series.begin(), inspection.series.end(), run.name,
        [](const InspectedSeries& series, const RunName& name) { return series.run < name; });
    if (begin == inspection.series.end() || begin->run != run.name) {
      out << "  no series\n\n";
      continue;
    }
    out << absl::StreamFormat("  %-*s  %-*s  %9s  %12s  %12s  %-19s  %-19s\n", tags, "tag", plugins,
                              "plugin", "points", "first step", "last step", "first time (UTC)",
                              "last time (UTC)");
    for (auto series = begin; series != inspection.series.end() && series->run == run.name;
         ++series) {
      out << absl::StreamFormat(
          "  %-*s  %-*s  %9d  %12d  %12d  %-19s  %-19s\n", tags, Printable(series->tag.value()),
          plugins, Printable(series->plugin), series->points, series->first_step, series->last_step,
          ShownTime(series->first_wall_time), ShownTime(series->last_wall_time));
    }
    out << "\n";
  }
  uint64_t damaged_bytes = 0;
  for (const InspectedDamage& entry : inspection.damage) {
    damaged_bytes += entry.damage.length_bytes;
    out << absl::StreamFormat("damaged: %s  offset %d  length %d  %s\n", Printable(entry.file),
                              entry.damage.offset, entry.damage.length_bytes,
                              DamageCauseName(entry.damage.cause));
  }
  if (!inspection.damage.empty()) out << "\n";
  if (inspection.files == 0) {
    out << "no event files: none has \"tfevents\" in its name\n";
    return;
  }
  out << absl::StreamFormat(
      "%s, %d series, %s, %s; %s in %s, read in %.3f s (%.0f MB/s)\n",
      Counted(inspection.runs.size(), "run"), inspection.series.size(), Counted(points, "point"),
      Counted(inspection.records, "record"), Counted(inspection.bytes, "byte"),
      Counted(inspection.files, "file"), inspection.seconds,
      inspection.seconds > 0 ? static_cast<double>(inspection.bytes) / inspection.seconds / 1e6
                             : 0.0);
  if (inspection.torn_bytes > 0) {
    out << Counted(inspection.torn_bytes, "byte")
        << " at ends of files, of records that are not whole yet\n";
  }
  if (inspection.skipped_values > 0) {
    out << "left out: " << Counted(inspection.skipped_values, "value")
        << " that are no points of their series\n";
  }
  if (inspection.damage.empty()) {
    out << "nothing is damaged\n";
  } else {
    out << Counted(inspection.damage.size(), "damaged place") << ", "
        << Counted(damaged_bytes, "byte") << "\n";
  }
}

}  // namespace

int RunInspect(const InspectOptions& options, const InspectDependencies& dependencies,
               std::ostream& out, std::ostream& err) {
  for (const LocalSource::Logdir& logdir : options.logdirs) {
    const auto stat = dependencies.files->Stat(logdir.path);
    if (stat.ok() && stat->is_directory) continue;
    err << "inspect: --logdir "
        << (stat.ok() ? absl::StrCat(logdir.path, ": not a directory")
                      : std::string(stat.status().message()))
        << "\n";
    return kExitUsage;
  }
  const absl::Duration start = dependencies.clock->Monotonic();
  const std::unique_ptr<Index> index = Index::Make({});
  bool failed = false;
  std::vector<InspectedFile> files = FindFiles(options, dependencies, index.get(), err, &failed);
  ReadAll(options, dependencies, &files, err);
  for (const InspectedFile& file : files) {
    if (file.status.ok()) continue;
    err << "inspect: " << file.status.message() << "\n";
    failed = true;
  }
  Inspection inspection = Collect(*index, files);
  inspection.seconds = absl::ToDoubleSeconds(dependencies.clock->Monotonic() - start);
  if (options.json) {
    WriteJson(inspection, out);
  } else {
    WriteTables(inspection, out);
  }
  if (!inspection.damage.empty()) return kExitDamaged;
  return failed ? kExitFailed : 0;
}

}  // namespace tributary
