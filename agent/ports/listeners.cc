#include "agent/ports/listeners.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/listening_sockets.h"

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

// Whether the process holds one of the sockets; nullopt if the system does not show what it holds.
std::optional<bool> HoldsOneOf(int64_t pid, const std::set<uint64_t>& inodes) {
  const std::string fds = absl::StrCat("/proc/", pid, "/fd");
  const Directory directory(::opendir(fds.c_str()));
  if (directory == nullptr) return std::nullopt;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::array<char, 64> target;
    const ssize_t length =
        ::readlink(absl::StrCat(fds, "/", entry->d_name).c_str(), target.data(), target.size());
    if (length <= 0) continue;
    absl::string_view name(target.data(), static_cast<size_t>(length));
    uint64_t inode = 0;
    if (absl::ConsumePrefix(&name, "socket:[") && absl::ConsumeSuffix(&name, "]") &&
        absl::SimpleAtoi(name, &inode) && inodes.contains(inode)) {
      return true;
    }
  }
  return false;
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

bool IsLocal(const std::string& ip) {
  return ip == "0.0.0.0" || ip == "::" || ip == "::1" || absl::StartsWith(ip, "127.");
}

class PortsOfProc : public Ports {
 public:
  std::set<uint16_t> Taken() override {
    std::set<uint16_t> ports;
    for (const ListeningSocket& socket : ListeningSocketsAlone()) ports.insert(socket.port);
    return ports;
  }

  bool ListensInTree(uint16_t port, int64_t root) override {
    std::set<uint64_t> inodes;
    for (const ListeningSocket& socket : ListeningSocketsAlone()) {
      if (socket.port == port) inodes.insert(socket.inode);
    }
    if (inodes.empty()) return false;
    const std::map<int64_t, int64_t> parents = Parents();
    for (const auto& [pid, first_parent] : parents) {
      int64_t ancestor = pid;
      // Processes come and go while /proc is read: a chain has an end all the same.
      for (int depth = 0; ancestor > 1 && ancestor != root && depth < 1'000; ++depth) {
        const auto next = parents.find(ancestor);
        ancestor = next == parents.end() ? 0 : next->second;
      }
      if (ancestor == root && HoldsOneOf(pid, inodes).value_or(false)) return true;
    }
    return false;
  }

  bool IsListenerOf(uint16_t port, int64_t pid, uint32_t uid) override {
    struct stat process = {};
    if (::stat(absl::StrCat("/proc/", pid).c_str(), &process) != 0 || process.st_uid != uid) {
      return false;
    }
    std::set<uint64_t> inodes;
    for (const ListeningSocket& socket : ListeningSocketsAlone()) {
      if (socket.port == port && socket.owner_uid == uid && IsLocal(socket.ip)) {
        inodes.insert(socket.inode);
      }
    }
    return !inodes.empty() && HoldsOneOf(pid, inodes).value_or(true);
  }

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
