#include "agent/doctor/node_layers.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/eventfile/crc32c.h"
#include "common/little_endian.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

// Most names that are looked at where no event file is.
constexpr size_t kNamesMax = 10'000;

// What is below a directory that holds no event file.
struct OtherFiles {
  size_t count = 0;
  bool all_counted = true;
  std::string example;
};

OtherFiles LookAround(FileSystem* files, const std::string& root) {
  OtherFiles others;
  std::deque<std::string> waiting = {root};
  size_t looked_at = 0;
  while (!waiting.empty()) {
    const std::string directory = std::move(waiting.front());
    waiting.pop_front();
    const auto entries = files->ListEntries(directory);
    if (!entries.ok()) continue;
    for (const DirectoryEntry& entry : *entries) {
      if (++looked_at > kNamesMax) {
        others.all_counted = false;
        return others;
      }
      if (entry.type == DirectoryEntry::Type::kDirectory) {
        waiting.push_back(JoinPath(directory, entry.name));
      } else {
        ++others.count;
        if (others.example.empty()) others.example = entry.name;
      }
    }
  }
  return others;
}

Finding MissingLogdir(FileSystem* files, const std::string& path) {
  std::string parent(DirName(path));
  while (parent != "/" && !files->Stat(parent).ok()) parent = std::string(DirName(parent));
  return Fails("logdir", absl::StrCat(path, " does not exist; ", parent, " does"),
               "correct --logdir; if the training makes it later, there is nothing to do: the "
               "agent waits for it");
}

Finding EmptyLogdir(FileSystem* files, const Logdir& logdir) {
  if (!logdir.below.empty()) {
    return Fails(
        "logdir", absl::StrCat("no event file below any directory ", logdir.Text()),
        "compare the pattern with the directories that the trainings write to: each {FACT} "
        "stands for one whole name, and for none that begins with a dot");
  }
  const std::string& path = logdir.path;
  const OtherFiles others = LookAround(files, path);
  if (others.count == 0) {
    return Fails("logdir", absl::StrCat(path, " is empty: nothing was written there yet"),
                 "wait for the training's writer, or give the directory that it writes to (log_dir "
                 "of SummaryWriter or of the TensorBoard callback)");
  }
  return Fails("logdir",
               absl::StrCat(path, " holds ", others.all_counted ? "" : "at least ",
                            Counted(others.count, "file"), ", as ", others.example,
                            ", and no event file: such a name has \"tfevents\" in it"),
               "give the directory that the training's writer writes to (log_dir of SummaryWriter "
               "or of the TensorBoard callback)");
}

}  // namespace

std::string PathOf(const NodeView& view, const StreamKey& key, const TailedFile& file) {
  return JoinPath(view.config->logdirs[static_cast<size_t>(file.root)].path, key.second);
}

std::string AndMore(size_t count) {
  return count > 1 ? absl::StrCat(" and ", count - 1, " more") : "";
}

Finding CheckLogdirs(const NodeView& view) {
  FileSystem* const files = view.world->files;
  std::vector<uint64_t> found(view.config->logdirs.size());
  for (const auto& [key, file] : view.local.files) ++found[static_cast<size_t>(file.root)];
  for (size_t i = 0; i < found.size(); ++i) {
    const std::string& path = view.config->logdirs[i].path;
    if (absl::IsNotFound(files->Stat(path).status())) return MissingLogdir(files, path);
    // A directory that may not be read is the next layer's.
    if (found[i] == 0 && files->ListEntries(path).ok() && view.local.problems.empty()) {
      return EmptyLogdir(files, view.config->logdirs[i]);
    }
  }
  uint64_t bytes = 0;
  for (const auto& [key, file] : view.local.files) bytes += file.stat.size_bytes;
  return Ok("logdir",
            absl::StrCat(Counted(view.local.files.size(), "event file"), ", ", HumanBytes(bytes)));
}

Finding CheckPermissions(const NodeView& view) {
  constexpr char kLayer[] = "permissions";
  const std::string me = view.world->user_name(view.machine->user_id());
  const std::string fix = absl::StrCat(
      "run the agent as the owner of the files, or let its user read them: setfacl -R "
      "-m u:",
      me, ":rX DIRECTORY");
  if (!view.local.problems.empty()) {
    return Fails(kLayer,
                 absl::StrCat(view.local.problems.front(), AndMore(view.local.problems.size()),
                              ", as user ", me),
                 fix);
  }
  size_t tried = 0;
  size_t refused = 0;
  std::string first;
  for (const auto& [key, file] : view.local.files) {
    if (++tried > kFilesTried) break;
    const std::string path = PathOf(view, key, file);
    const auto opened = view.world->files->OpenReadable(path);
    if (!absl::IsPermissionDenied(opened.status())) continue;
    if (++refused > 1) continue;
    first = absl::StrCat(path, " of user ", view.world->user_name(file.stat.owner_uid));
  }
  if (tried == 0) return NotTried(kLayer, "no event files");
  if (refused == 0) return Ok(kLayer, absl::StrCat("user ", me, " may read them"));
  return Fails(kLayer, absl::StrCat("user ", me, " may not read ", first, AndMore(refused)), fix);
}

Finding CheckEventFiles(const NodeView& view) {
  constexpr char kLayer[] = "files";
  constexpr size_t kHeaderBytes = 12;  // length, and the masked CRC-32C of its eight bytes
  size_t tried = 0;
  size_t wrong = 0;
  std::string first;
  for (const auto& [key, file] : view.local.files) {
    if (++tried > kFilesTried) break;
    const std::string path = PathOf(view, key, file);
    const auto opened = view.world->files->OpenReadable(path);
    if (!opened.ok()) continue;
    std::array<char, kHeaderBytes> header;
    const auto read = (*opened)->ReadAt(0, absl::MakeSpan(header));
    if (!read.ok() || *read < kHeaderBytes) continue;
    const absl::string_view bytes(header.data(), header.size());
    // A hole of a network file system is filled later.
    if (bytes.find_first_not_of('\0') == absl::string_view::npos) continue;
    if (MaskCrc32c(Crc32c(bytes.substr(0, 8))) == LoadLittleEndian<uint32_t>(bytes.data() + 8))
      continue;
    if (++wrong > 1) continue;
    const bool gzip = absl::StartsWith(bytes, "\x1f\x8b");
    first = absl::StrCat(path, gzip ? " is compressed by gzip" : " does not begin with a record");
  }
  if (tried == 0) return NotTried(kLayer, "no event files");
  if (wrong == 0) return Ok(kLayer, "they begin as event files do");
  return Warns(kLayer, absl::StrCat(first, AndMore(wrong), ": no event file, in spite of its name"),
               "unpack it, or give it a name without \"tfevents\"");
}

Finding CheckInotify(const NodeView& view) {
  constexpr char kLayer[] = "inotify";
  const std::optional<InotifyUse> use = view.machine->Inotify();
  if (!use.has_value()) return NotTried(kLayer, "the system tells no limits");
  const uint64_t directories = view.local.directories;
  const std::string meanwhile =
      ": the agent looks by itself, and finds new files within a minute only";
  if (use->instances >= use->instances_max) {
    return Warns(
        kLayer,
        absl::StrCat("this user's processes have all ", use->instances_max,
                     " instances that are allowed", meanwhile),
        absl::StrCat("sysctl fs.inotify.max_user_instances=", use->instances_max * 2 + 128));
  }
  const uint64_t left = use->watches_max - std::min(use->watches, use->watches_max);
  if (directories > left) {
    return Warns(kLayer,
                 absl::StrCat(directories, " directories need as many watches, and ", left, " of ",
                              use->watches_max, " are left to this user", meanwhile),
                 absl::StrCat("sysctl fs.inotify.max_user_watches=",
                              std::max<uint64_t>(524'288, (directories + use->watches) * 2)));
  }
  return Ok(kLayer, absl::StrCat("one watch for each of ", directories, " directories, ", left,
                                 " are left"));
}

}  // namespace tributary::agent
