// Processes that write and have not flushed: what only they have cannot be delivered.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/doctor/node_layers.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

// A writer that has just written is none that has not flushed.
constexpr absl::Duration kUnflushedMin = absl::Seconds(10);

struct Writer {
  Process process;
  std::string path;
  uint64_t size_bytes = 0;
  absl::Time modified;
};

// The process in "…tfevents.<second>.<host>.<pid>.<n>…", if it is of this machine and still that
// one.
std::optional<Process> WriterInName(const NodeView& view, absl::string_view name) {
  const size_t start = name.find("tfevents.");
  if (start == absl::string_view::npos) return std::nullopt;
  name.remove_prefix(start + 9);
  const absl::string_view second_text = name.substr(0, name.find('.'));
  int64_t second = 0;
  int64_t pid = 0;
  if (!absl::SimpleAtoi(second_text, &second) || second_text.size() == name.size()) {
    return std::nullopt;
  }
  name.remove_prefix(second_text.size() + 1);
  if (!absl::ConsumePrefix(&name, absl::StrCat(view.world->host_name, ".")) ||
      !absl::SimpleAtoi(name.substr(0, name.find('.')), &pid)) {
    return std::nullopt;
  }
  std::optional<Process> process = view.machine->FindProcess(pid);
  // Another one has the number by now.
  const absl::Time made = absl::FromUnixSeconds(second + 2);
  if (process.has_value() && process->started > made) return std::nullopt;
  return process;
}

std::vector<Writer> FindWriters(const NodeView& view) {
  std::vector<Writer> writers;
  FileSystem* const files = view.world->files;
  std::map<std::string, Process> open;  // by path, links resolved
  for (const OpenEventFile& file : view.machine->OpenEventFiles()) {
    const std::optional<Process> process = view.machine->FindProcess(file.pid);
    if (process.has_value()) open.emplace(file.path, *process);
  }
  std::map<std::string, std::string> real_roots;
  for (const Logdir& logdir : view.config->logdirs) {
    real_roots[logdir.path] = files->RealPath(logdir.path).value_or(logdir.path);
  }
  size_t tried = 0;
  for (const auto& [key, file] : view.local.files) {
    if (++tried > kFilesTried) break;
    const std::string& root = view.config->logdirs[static_cast<size_t>(file.root)].path;
    const auto opened = open.find(JoinPath(real_roots[root], key.second));
    const std::optional<Process> process = opened != open.end()
                                               ? std::optional(opened->second)
                                               : WriterInName(view, BaseName(key.second));
    if (!process.has_value()) continue;
    writers.push_back(
        {*process, PathOf(view, key, file), file.stat.size_bytes, file.stat.modified});
  }
  return writers;
}

}  // namespace

Finding CheckWriters(const NodeView& view) {
  constexpr char kLayer[] = "writers";
  const std::vector<Writer> writers = FindWriters(view);
  const absl::Time now = view.world->clock->Wall();
  const Writer* latest = nullptr;
  size_t silent = 0;
  for (const Writer& writer : writers) {
    if (now - writer.modified < kUnflushedMin) continue;
    ++silent;
    if (latest == nullptr || writer.modified > latest->modified) latest = &writer;
  }
  if (latest == nullptr) {
    return Ok(kLayer, writers.empty() ? "no process of this user writes now"
                                      : absl::StrCat(Counted(writers.size(), "file"),
                                                     " being written, none silent for long"));
  }
  return Warns(kLayer,
               absl::StrCat(latest->process.program, " (pid ", latest->process.pid, ") writes ",
                            latest->path, ", which has ", HumanBytes(latest->size_bytes),
                            " and has not grown for ", HumanDuration(now - latest->modified),
                            AndMore(silent),
                            ": a writer keeps points in its memory until it flushes, by default "
                            "every 120 s"),
               "call flush() of the writer after a step, or make it with flush_secs=10; only what "
               "is in the file can be delivered");
}

}  // namespace tributary::agent
