#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <fstream>
#include <functional>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/doctor/machine.h"
#include "common/eventfile/discovery.h"
#include "common/file.h"

namespace tributary::agent {
namespace {

constexpr char kAgentProgram[] = "tributary-agent";  // as the kernel keeps it: 15 bytes

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<uint64_t> ReadNumber(const std::string& path) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(ReadAll(path)), &number)) return std::nullopt;
  return number;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

void ForEachNumber(const std::string& path, const std::function<void(int64_t)>& visit) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    int64_t number = 0;
    if (absl::SimpleAtoi(entry->d_name, &number)) visit(number);
  }
}

// (pid, "/proc/PID", fd, what the descriptor is) of each descriptor that this user may look at.
using VisitDescriptor = std::function<void(int64_t, const std::string&, int64_t, std::string)>;
void ForEachDescriptor(const VisitDescriptor& visit) {
  ForEachNumber("/proc", [&](int64_t pid) {
    const std::string process = absl::StrCat("/proc/", pid);
    ForEachNumber(process + "/fd", [&](int64_t fd) {
      std::array<char, PATH_MAX> target;
      const ssize_t length =
          ::readlink(absl::StrCat(process, "/fd/", fd).c_str(), target.data(), target.size());
      if (length < 0) return;
      visit(pid, process, fd, std::string(target.data(), static_cast<size_t>(length)));
    });
  });
}

bool IsOpenForWriting(const std::string& fdinfo) {
  for (const absl::string_view line : absl::StrSplit(fdinfo, '\n')) {
    if (!absl::StartsWith(line, "flags:")) continue;
    const std::string digits(absl::StripAsciiWhitespace(line.substr(6)));
    const auto flags = std::strtoul(digits.c_str(), nullptr, 8);
    return (flags & O_ACCMODE) != O_RDONLY;
  }
  return false;
}

uint64_t CountWatches(const std::string& fdinfo) {
  uint64_t watches = 0;
  for (const absl::string_view line : absl::StrSplit(fdinfo, '\n')) {
    if (absl::StartsWith(line, "inotify ")) ++watches;
  }
  return watches;
}

class LinuxMachine : public Machine {
 public:
  std::vector<ListeningSocket> Listeners() override { return ListeningSockets(); }

  std::vector<OpenEventFile> OpenEventFiles() override {
    std::vector<OpenEventFile> files;
    ForEachDescriptor([&](int64_t pid, const std::string& process, int64_t fd, std::string target) {
      if (!absl::StartsWith(target, "/") || !IsEventFileName(BaseName(target))) return;
      if (!IsOpenForWriting(ReadAll(absl::StrCat(process, "/fdinfo/", fd)))) return;
      files.push_back({pid, std::move(target)});
    });
    return files;
  }

  std::optional<Process> FindProcess(int64_t pid) override {
    const std::string directory = absl::StrCat("/proc/", pid);
    struct stat found = {};
    if (::stat(directory.c_str(), &found) != 0) return std::nullopt;
    Process process;
    process.pid = pid;
    process.program = std::string(absl::StripAsciiWhitespace(ReadAll(directory + "/comm")));
    // "PID (NAME) STATE …": the name may hold anything, so count from behind it. Field 22 of the
    // line is when it started, in clock ticks since the boot.
    const std::string stat = ReadAll(directory + "/stat");
    const size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    const std::vector<absl::string_view> fields =
        absl::StrSplit(absl::string_view(stat).substr(name_end + 1), ' ', absl::SkipEmpty());
    constexpr size_t kStarted = 22 - 3;
    uint64_t ticks = 0;
    // One that has ended, and whose parent has not asked how, does nothing any more.
    if (!fields.empty() && fields[0] == "Z") return std::nullopt;
    if (fields.size() <= kStarted || !absl::SimpleAtoi(fields[kStarted], &ticks)) {
      return std::nullopt;
    }
    process.started = BootTime() + absl::Seconds(static_cast<double>(ticks) /
                                                 static_cast<double>(::sysconf(_SC_CLK_TCK)));
    return process;
  }

  std::optional<InotifyUse> Inotify() override {
    const auto watches = ReadNumber("/proc/sys/fs/inotify/max_user_watches");
    const auto instances = ReadNumber("/proc/sys/fs/inotify/max_user_instances");
    if (!watches.has_value() || !instances.has_value()) return std::nullopt;
    InotifyUse use;
    // A user namespace may have less than the machine.
    use.watches_max =
        std::min(*watches, ReadNumber("/proc/sys/user/max_inotify_watches").value_or(UINT64_MAX));
    use.instances_max = std::min(
        *instances, ReadNumber("/proc/sys/user/max_inotify_instances").value_or(UINT64_MAX));
    ForEachDescriptor(
        [&](int64_t, const std::string& process, int64_t fd, const std::string& target) {
          if (target != "anon_inode:inotify") return;
          struct stat owner = {};
          if (::stat(process.c_str(), &owner) != 0 || owner.st_uid != user_id()) return;
          if (absl::StripAsciiWhitespace(ReadAll(process + "/comm")) == kAgentProgram) return;
          ++use.instances;
          use.watches += CountWatches(ReadAll(absl::StrCat(process, "/fdinfo/", fd)));
        });
    return use;
  }

  uint32_t user_id() override { return ::geteuid(); }

 private:
  static absl::Time BootTime() {
    const std::string stat = ReadAll("/proc/stat");
    for (const absl::string_view line : absl::StrSplit(stat, '\n')) {
      int64_t seconds = 0;
      if (absl::StartsWith(line, "btime ") && absl::SimpleAtoi(line.substr(6), &seconds)) {
        return absl::FromUnixSeconds(seconds);
      }
    }
    return absl::UnixEpoch();
  }
};

}  // namespace

std::unique_ptr<Machine> MakeLinuxMachine() { return std::make_unique<LinuxMachine>(); }

}  // namespace tributary::agent
