#include "agent/ports/listeners.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tributary::agent {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Those of the sockets that the process holds; nullopt if the system does not show what it holds.
std::optional<std::set<uint64_t>> HeldOf(const std::set<uint64_t>& inodes, int64_t pid) {
  const std::string fds = absl::StrCat("/proc/", pid, "/fd");
  const Directory directory(::opendir(fds.c_str()));
  if (directory == nullptr) return std::nullopt;
  std::set<uint64_t> held;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::array<char, 64> target;
    const ssize_t length =
        ::readlink(absl::StrCat(fds, "/", entry->d_name).c_str(), target.data(), target.size());
    if (length <= 0) continue;
    absl::string_view name(target.data(), static_cast<size_t>(length));
    uint64_t inode = 0;
    if (absl::ConsumePrefix(&name, "socket:[") && absl::ConsumeSuffix(&name, "]") &&
        absl::SimpleAtoi(name, &inode) && inodes.contains(inode)) {
      held.insert(inode);
    }
  }
  return held;
}

// Every process and its parent.
std::map<int64_t, int64_t> Parents() {
  std::map<int64_t, int64_t> parents;
  const Directory directory(::opendir("/proc"));
  if (directory == nullptr) return parents;
  while (const dirent* entry = ::readdir(directory.get())) {
    int64_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    parents[pid] = ParentInStat(Slurp(absl::StrCat("/proc/", pid, "/stat")));
  }
  return parents;
}

bool TryBind(int family, uint16_t* port) {
  const int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return family == AF_INET6;  // a machine without IPv6
  int one = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  bool bound = false;
  if (family == AF_INET6) {
    ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(*port);
    bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
            ::listen(socket, 1) == 0;
    // Switched off for this namespace: no listener can be there either.
    bound = bound || errno == EADDRNOTAVAIL;
  } else {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(*port);
    bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
            ::listen(socket, 1) == 0;
    socklen_t length = sizeof(address);
    if (bound && ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
      *port = ntohs(address.sin_port);
    }
  }
  ::close(socket);
  return bound;
}

class PortsOfProc : public Ports {
 public:
  std::set<uint16_t> Taken() override {
    std::set<uint16_t> ports;
    for (const ListeningSocket& socket : ListeningSocketsAlone()) ports.insert(socket.port);
    return ports;
  }

  std::vector<TreeListener> ListenersInTree(int64_t root) override {
    const std::vector<ListeningSocket> sockets = ListeningSocketsAlone();
    std::set<uint64_t> inodes;
    for (const ListeningSocket& socket : sockets) inodes.insert(socket.inode);
    std::map<uint64_t, int> depths;
    const std::map<int64_t, int64_t> parents = Parents();
    for (const auto& [pid, first_parent] : parents) {
      int64_t ancestor = pid;
      int depth = 0;
      // Processes come and go while /proc is read: a chain has an end all the same.
      for (; ancestor > 1 && ancestor != root && depth < 1'000; ++depth) {
        const auto next = parents.find(ancestor);
        ancestor = next == parents.end() ? 0 : next->second;
      }
      if (ancestor != root) continue;
      for (const uint64_t inode : HeldOf(inodes, pid).value_or(std::set<uint64_t>())) {
        int& least = depths.emplace(inode, depth).first->second;
        least = std::min(least, depth);
      }
    }
    std::vector<TreeListener> listeners;
    for (const ListeningSocket& socket : sockets) {
      const auto found = depths.find(socket.inode);
      if (found != depths.end()) listeners.push_back({socket, found->second});
    }
    return listeners;
  }

  bool IsListenerOf(uint16_t port, int64_t pid, uint32_t uid) override {
    struct stat process = {};
    if (::stat(absl::StrCat("/proc/", pid).c_str(), &process) != 0 || process.st_uid != uid) {
      return false;
    }
    std::set<uint64_t> inodes;
    for (const ListeningSocket& socket : ListeningSocketsAlone()) {
      if (socket.port == port && socket.owner_uid == uid && AcceptsLocal(socket)) {
        inodes.insert(socket.inode);
      }
    }
    if (inodes.empty()) return false;
    const std::optional<std::set<uint64_t>> held = HeldOf(inodes, pid);
    return !held.has_value() || !held->empty();
  }

  std::string Holder(uint16_t port) override { return PortHolder(port); }

  bool IsFree(uint16_t port) override {
    return TryBind(AF_INET, &port) && TryBind(AF_INET6, &port);
  }

  uint16_t AnyFree() override {
    uint16_t port = 0;
    return TryBind(AF_INET, &port) ? port : uint16_t{0};
  }
};

}  // namespace

int64_t ParentInStat(absl::string_view stat) {
  // "4711 (a name) with )) S 1 …": the name may hold anything, so the last ')' ends it.
  const size_t end = stat.rfind(')');
  if (end == absl::string_view::npos) return 0;
  const std::vector<absl::string_view> words =
      absl::StrSplit(stat.substr(end + 1), ' ', absl::SkipEmpty());
  int64_t parent = 0;
  return words.size() >= 2 && absl::SimpleAtoi(words[1], &parent) ? parent : 0;
}

Ports* RealPorts() {
  static PortsOfProc ports;
  return &ports;
}

}  // namespace tributary::agent
