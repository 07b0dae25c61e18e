// Where changes below a logdir are announced without looking: inotify. A seam, so that the
// simulation has none and tests script it.
#ifndef TRIBUTARY_COMMON_EVENTFILE_CHANGE_NOTIFIER_H_
#define TRIBUTARY_COMMON_EVENTFILE_CHANGE_NOTIFIER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace tributary {

// Not thread-safe: owned by the thread that follows files.
class ChangeNotifier {
 public:
  virtual ~ChangeNotifier() = default;

  // Watches one directory (not what is below it); again is harmless. What happens in it after OK
  // will be told. ResourceExhausted when the system allows no more watches; Unimplemented on a file
  // system that sends no events, or not all of them; else the error of the system.
  virtual absl::Status Watch(const std::string& directory) = 0;
  // Forgets the directory under this path. Changes told by mistake after it are harmless.
  virtual void Unwatch(const std::string& directory) = 0;

  // Paths (directory/name) that were made, written, renamed, removed or got other rights since the
  // last call, each once; the path of a watched directory itself if that was moved or removed.
  // Writes to files that are no event files may be left out, but not that they are closed.
  // `overflowed` is set if changes were lost, else left alone. Never blocks. There may be more at
  // once: ask the descriptor.
  virtual std::vector<std::string> Changes(bool* overflowed) = 0;
  // A descriptor that polls readable when Changes would return something, or -1.
  virtual int descriptor() const = 0;
};

// Where the machine allows no inotify instance, its Watch always says ResourceExhausted.
std::unique_ptr<ChangeNotifier> MakeInotifyNotifier();

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_CHANGE_NOTIFIER_H_
