#include "tests/sim/event_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/types.h"
#include "tests/support/event_file_builder.h"

namespace tributary::sim {

EventWriter::EventWriter(const Options& options, std::string logdir, FakeFileSystem* files,
                         Random* random, Trace* trace)
    : options_(options),
      logdir_(std::move(logdir)),
      files_(files),
      random_(random),
      trace_(trace) {}

std::string EventWriter::Content(const std::string& path) const {
  return files_->ReadFile(PathOf(path)).value_or("");
}

std::vector<std::string> EventWriter::Contents(const std::string& path) const {
  std::vector<std::string> contents = {Content(path)};
  const SourceFile& source = sources_.at(path);
  contents.insert(contents.end(), source.snapshots.begin(), source.snapshots.end());
  for (const std::string& target : source.moved_to) {
    for (std::string& content : Contents(target)) contents.push_back(std::move(content));
  }
  return contents;
}

std::string EventWriter::FirstRecord(const SourceFile& source) const {
  // Some rewritten files begin with the very bytes of the old one.
  const double wall = EventFileBuilder::kWall + (made_ % 2 == 0 ? source.rewrites : 0);
  return EventFileBuilder().FileVersion(WallTime(wall)).Build();
}

void EventWriter::AddFile() {
  const std::string path =
      absl::StrCat("run", made_, "/events.out.tfevents.", 1'767'225'600 + made_, ".host.1.0");
  ++made_;
  SourceFile* const source = &sources_[path];
  trace_->Note("new file", " ", path);
  files_->WriteFile(PathOf(path), "");
  source->pending = FirstRecord(*source);
}

void EventWriter::Begin(SourceFile* source) {
  EventFileBuilder builder;
  const int records = 1 + static_cast<int>(random_->Below(5));
  for (int i = 0; i < records; ++i) {
    const Step step(next_step_++);
    if (random_->Below(6) == 0) {
      std::string blob(random_->Below(options_.record_bytes_max), '\0');
      uint64_t noise = random_->Next();
      for (char& byte : blob) {
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        byte = static_cast<char>(noise >> 56);
      }
      builder.Image("picture", step, blob);
    } else {
      builder.Scalar("loss", step, static_cast<float>(random_->Below(1'000'000)));
    }
  }
  source->pending = builder.Build();
  // A network file system lost pages: zeros, which nobody will fill.
  if (random_->Below(30) == 0) {
    const uint64_t begin = random_->Below(source->pending.size());
    const uint64_t length = 1 + random_->Below(source->pending.size() - begin);
    trace_->Note("hole", " of ", length, " bytes");
    source->pending.replace(begin, length, length, '\0');
  }
}

void EventWriter::Append(const std::string& path, SourceFile* source) {
  if (source->pending.empty()) Begin(source);
  // A flush mostly takes all; else a piece that ends anywhere.
  const size_t bytes =
      random_->Below(3) == 0 ? 1 + random_->Below(source->pending.size()) : source->pending.size();
  files_->AppendFile(PathOf(path), source->pending.substr(0, bytes));
  source->pending.erase(0, bytes);
}

void EventWriter::TakeSnapshot(const std::string& path, SourceFile* source) {
  source->snapshots.push_back(Content(path));
}

void EventWriter::Truncate(const std::string& path, SourceFile* source) {
  const std::string before = Content(path);
  if (before.empty() || source->rewrites >= options_.rewrites_max) return;
  TakeSnapshot(path, source);
  ++source->rewrites;
  const uint64_t size = random_->Below(3) == 0 ? 0 : random_->Below(before.size());
  trace_->Note("truncate", " ", path, " from ", before.size(), " to ", size);
  files_->TruncateFile(PathOf(path), size);
  // The writer goes on at the end, without a care for records that were cut.
  source->pending = size == 0 ? FirstRecord(*source) : "";
  // Often others bytes are there before anybody looks.
  const uint64_t appends = random_->Below(5);
  for (uint64_t i = 0; i < appends; ++i) Append(path, source);
}

void EventWriter::Replace(const std::string& path, SourceFile* source) {
  if (source->rewrites >= options_.rewrites_max) return;
  TakeSnapshot(path, source);
  ++source->rewrites;
  trace_->Note("replace", " ", path);
  source->pending.clear();
  std::string content = FirstRecord(*source);
  if (random_->Below(4) == 0) content = source->snapshots.back();  // a copy: equal bytes
  files_->ReplaceFile(PathOf(path), content);
  const uint64_t appends = random_->Below(5);
  for (uint64_t i = 0; i < appends; ++i) Append(path, source);
}

void EventWriter::Rename(const std::string& path, SourceFile* source) {
  const std::string target = absl::StrCat("moved", made_++, "/", BaseName(path));
  trace_->Note("rename", " ", path, " to ", target);
  TakeSnapshot(path, source);
  source->moved_to.push_back(target);
  SourceFile moved;
  moved.rewrites = source->rewrites;
  moved.pending = std::exchange(source->pending, "");
  sources_[target] = std::move(moved);
  CHECK(files_->MakeDirectories(std::string(DirName(PathOf(target)))).ok(), "no directory");
  CHECK(files_->Rename(PathOf(path), PathOf(target)).ok(), "not renamed");
}

void EventWriter::ActOnce() {
  trace_->Mix(random_->Next());
  if (sources_.empty() ||
      (static_cast<int>(sources_.size()) < options_.files_max && random_->Below(40) == 0)) {
    AddFile();
    return;
  }
  auto chosen = sources_.begin();
  std::advance(chosen, random_->Below(sources_.size()));
  const std::string path = chosen->first;
  SourceFile* const source = &chosen->second;
  if (!Present(path)) {
    // Files that are gone may come back under their name, with other bytes or the same.
    if (random_->Below(20) == 0) Replace(path, source);
    return;
  }
  switch (random_->Below(150)) {
    case 0:
    case 1:
      Truncate(path, source);
      break;
    case 2:
      Replace(path, source);
      break;
    case 3:
      trace_->Note("delete", " ", path);
      TakeSnapshot(path, source);
      source->pending.clear();
      files_->RemoveAll(PathOf(path));
      break;
    case 4:
      if (static_cast<int>(sources_.size()) < options_.files_max) Rename(path, source);
      break;
    case 5:
    case 6:
    case 7:
      files_->SyncAll();
      break;
    default:
      Append(path, source);
  }
}

void EventWriter::Finish() {
  for (auto& [path, source] : sources_) {
    if (Present(path)) files_->AppendFile(PathOf(path), std::exchange(source.pending, ""));
  }
}

void EventWriter::BeforePowerCut() {
  for (auto& [path, source] : sources_) {
    if (Present(path)) TakeSnapshot(path, &source);
  }
}

void EventWriter::AfterPowerCut() {
  // What somebody was about to rename when the power went.
  for (const std::string& path : files_->Files(logdir_)) {
    if (!sources_.contains(path.substr(logdir_.size() + 1))) files_->RemoveAll(path);
  }
  for (auto& [path, source] : sources_) {
    source.pending.clear();
    if (source.snapshots.empty()) continue;
    if (Content(path) != source.snapshots.back()) source.altered_by_power_cut = true;
  }
}

}  // namespace tributary::sim
