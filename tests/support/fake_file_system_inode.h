// The inside of FakeFileSystem: what it keeps of one file or directory. Included by its sources
// only.
#ifndef TRIBUTARY_TESTS_SUPPORT_FAKE_FILE_SYSTEM_INODE_H_
#define TRIBUTARY_TESTS_SUPPORT_FAKE_FILE_SYSTEM_INODE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/support/fake_file_system.h"

namespace tributary {

struct FakeFileSystem::Inode {
  enum class Type { kFile, kDirectory, kSymlink };

  uint64_t number = 0;
  Type type = Type::kFile;
  uint32_t owner_uid = 1000;
  absl::Time modified;
  bool linked = false;
  int open_handles = 0;
  // Counts MakeStale: a handle remembers the value of its opening.
  int stale_count = 0;

  // File: what a read returns, and what the disk holds.
  std::string content;
  std::string durable;
  std::set<uint64_t> dirty_pages;
  // Clean after a failed sync: whether the disk has them is decided by EvictPages or Crash.
  std::set<uint64_t> doubtful_pages;
  // Sizes since the last good sync: any of them may be the one on the disk.
  std::vector<uint64_t> sizes;

  // Directory: names as seen now, and on the disk.
  std::map<std::string, InodePtr> names;
  std::map<std::string, DurableName> durable_names;

  // Symbolic link.
  std::string target;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_FAKE_FILE_SYSTEM_INODE_H_
