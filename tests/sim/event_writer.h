// The trainers of one node: what they write, and what was once in each file.
#ifndef TRIBUTARY_TESTS_SIM_EVENT_WRITER_H_
#define TRIBUTARY_TESTS_SIM_EVENT_WRITER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/random.h"
#include "tests/sim/trace.h"
#include "tests/support/fake_file_system.h"

namespace tributary::sim {

// One path below the logdir, and what bytes were ever to be found there.
struct SourceFile {
  // Contents before each change that was no append, the oldest first.
  std::vector<std::string> snapshots;
  // A power cut altered bytes: what was shipped before it may be longer, or hold bytes where the
  // file has zeros now.
  bool altered_by_power_cut = false;
  // Where the file went when it was renamed, oldest first. Who had it open reads on, whatever
  // becomes of it there.
  std::vector<std::string> moved_to;

  // Of the writer.
  std::string pending;  // of records that were begun, not yet written
  int rewrites = 0;
};

// Not thread-safe. `files` is the node's disk.
class EventWriter {
 public:
  struct Options {
    int files_max = 4;
    // Each may become a new generation at the collector, which freezes a stream with more than
    // three within ten minutes.
    int rewrites_max = 2;
    uint64_t record_bytes_max = 6000;
  };

  EventWriter(const Options& options, std::string logdir, FakeFileSystem* files, Random* random,
              Trace* trace);

  // Something that a trainer, or a person at a shell, does.
  void ActOnce();
  // Writes out what was begun, so that each file ends with a whole record.
  void Finish();
  // The node is about to lose its power, and has lost it.
  void BeforePowerCut();
  void AfterPowerCut();

  // By path below the logdir; also those that are gone.
  const std::map<std::string, SourceFile>& files() const { return sources_; }
  bool Present(const std::string& path) const { return files_->Exists(PathOf(path)); }
  std::string Content(const std::string& path) const;
  // All contents that whoever opened the file under this path may have seen; the present one first.
  std::vector<std::string> Contents(const std::string& path) const;

 private:
  std::string PathOf(const std::string& path) const { return logdir_ + "/" + path; }
  void AddFile();
  // Appends a random piece of what was begun; begins a record where nothing was.
  void Append(const std::string& path, SourceFile* source);
  void Begin(SourceFile* source);
  void Truncate(const std::string& path, SourceFile* source);
  void Replace(const std::string& path, SourceFile* source);
  void Rename(const std::string& path, SourceFile* source);
  void TakeSnapshot(const std::string& path, SourceFile* source);
  std::string FirstRecord(const SourceFile& source) const;

  const Options options_;
  const std::string logdir_;
  FakeFileSystem* const files_;
  Random* const random_;
  Trace* const trace_;
  std::map<std::string, SourceFile> sources_;
  int made_ = 0;
  // Of all files: so steps ascend in each, whatever names are lost or swapped.
  int64_t next_step_ = 0;
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_EVENT_WRITER_H_
