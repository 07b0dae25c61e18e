#include "agent/side_files.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/logdir.h"
#include "common/file.h"
#include "tensorboard/plugins/projector_config.pb.h"

namespace tributary::agent {
namespace {

constexpr char kConfigName[] = "projector_config.pbtxt";
// What is read of one; a longer one is not looked into.
constexpr uint64_t kConfigBytesMax = 16u << 20;
// Paths that all configurations together may name.
constexpr size_t kNamedMax = 100'000;

// Where `path` leads from `directory`; nullopt if that is no file below the logdir.
std::optional<std::string> Resolve(absl::string_view directory, absl::string_view path) {
  if (path.empty() || path.front() == '/' || absl::StrContains(path, '\0')) return std::nullopt;
  std::vector<absl::string_view> parts;
  for (const absl::string_view text : {directory, path}) {
    for (const absl::string_view part : absl::StrSplit(text, '/')) {
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.push_back(part);
      } else if (parts.empty()) {
        return std::nullopt;
      } else {
        parts.pop_back();
      }
    }
  }
  if (parts.empty()) return std::nullopt;
  return absl::StrJoin(parts, "/");
}

// Discards what the parser says: a file that is being written is often no configuration yet.
class Silence : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, int, const std::string&) override {}
};

}  // namespace

std::vector<std::string> ProjectorPaths(absl::string_view text, absl::string_view directory) {
  tensorboard::projector::ProjectorConfig config;
  google::protobuf::TextFormat::Parser parser;
  Silence silence;
  parser.RecordErrorsTo(&silence);
  if (!parser.ParseFromString(std::string(text), &config)) return {};
  std::vector<std::string> paths;
  for (const auto& embedding : config.embeddings()) {
    for (const std::string* path :
         {&embedding.tensor_path(), &embedding.metadata_path(), &embedding.bookmarks_path(),
          &embedding.sprite().image_path()}) {
      std::optional<std::string> resolved = Resolve(directory, *path);
      if (resolved.has_value()) paths.push_back(*std::move(resolved));
    }
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

size_t SideFiles::NamesAbove(int root) const {
  const auto place = static_cast<size_t>(root);
  return place < options_.names_above.size() ? options_.names_above[place] : 0;
}

bool SideFiles::Wants(int root, absl::string_view relative_path) const {
  // Whatever is in its name: an uploaded event file is left alone, as everywhere.
  if (absl::StrContains(BaseName(relative_path), "tfevents")) return false;
  const absl::string_view below = SplitNames(relative_path, NamesAbove(root)).second;
  if (options_.plugins && absl::StrContains(absl::StrCat("/", below), "/plugins/")) return true;
  if (!options_.projector) return false;
  return BaseName(relative_path) == kConfigName ||
         named_.contains(Place(root, std::string(relative_path)));
}

std::vector<TailedFileId> SideFiles::Poll(Tailer* tailer) {
  std::vector<TailedFileId> ids = tailer->Poll();
  if (!options_.projector) return ids;
  bool more = false;
  for (const TailedFileId id : ids) {
    if (BaseName(tailer->file(id).relative_path) == kConfigName) more = Learn(id, tailer) || more;
  }
  if (!more) return ids;
  // Newest first no longer holds; the order matters for speed only.
  for (const TailedFileId id : tailer->Poll()) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

bool SideFiles::Learn(TailedFileId id, Tailer* tailer) {
  const TailedFile& file = tailer->file(id);
  if (!file.present || file.stat.size_bytes > kConfigBytesMax) return false;
  std::string text(file.stat.size_bytes, '\0');
  const absl::StatusOr<size_t> got = tailer->Read(id, 0, absl::MakeSpan(text));
  // The tailer tells the file again once it can be looked at.
  if (!got.ok()) return false;
  text.resize(*got);
  bool more = false;
  const auto [above, below] = SplitNames(file.relative_path, NamesAbove(file.root));
  const absl::string_view directory = absl::StrContains(below, '/') ? DirName(below) : "";
  for (const std::string& path_below : ProjectorPaths(text, directory)) {
    const std::string path = JoinPath(above, path_below);
    exceeded_ = exceeded_ || named_.size() >= kNamedMax;
    if (exceeded_ || !named_.emplace(file.root, path).second) continue;
    tailer->LookAt(file.root, path);
    more = true;
  }
  return more;
}

std::string SideFiles::status() const {
  if (!exceeded_) return "";
  return absl::StrCat("of the files that configurations of the Projector name, those beyond ",
                      kNamedMax, " are left out");
}

}  // namespace tributary::agent
