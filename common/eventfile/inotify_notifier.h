// inotify behind ChangeNotifier.
#ifndef TRIBUTARY_COMMON_EVENTFILE_INOTIFY_NOTIFIER_H_
#define TRIBUTARY_COMMON_EVENTFILE_INOTIFY_NOTIFIER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/eventfile/change_notifier.h"

namespace tributary {

// Whether files of this type (f_type of statfs) may be changed by another machine, which the kernel
// does not tell us.
bool IsNetworkFileSystem(uint64_t file_system_type);

// Watches are on inodes: a directory that is reached by two paths has one watch and both paths.
class InotifyNotifier : public ChangeNotifier {
 public:
  InotifyNotifier();
  ~InotifyNotifier() override;
  InotifyNotifier(const InotifyNotifier&) = delete;
  InotifyNotifier& operator=(const InotifyNotifier&) = delete;

  absl::Status Watch(const std::string& directory) override;
  void Unwatch(const std::string& directory) override;
  std::vector<std::string> Changes(bool* overflowed) override;
  int descriptor() const override { return fd_; }

 private:
  struct Event {
    int watch = -1;
    uint32_t mask = 0;
    absl::string_view name;
  };
  void Take(const Event& event, absl::flat_hash_set<std::string>* paths, bool* overflowed);

  const int fd_;
  // Why there is no descriptor.
  absl::Status unusable_;
  absl::flat_hash_map<int, std::vector<std::string>> directories_by_watch_;
  absl::flat_hash_map<std::string, int> watch_by_directory_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_INOTIFY_NOTIFIER_H_
