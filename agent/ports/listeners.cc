#include "agent/ports/listeners.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
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

struct Listener {
  uint16_t port = 0;
  uint64_t inode = 0;
};

// "  0: 0100007F:1776 00000000:0000 0A …": local address, remote address, state, and the inode as
// the tenth word.
std::vector<Listener> Listeners(absl::string_view table) {
  std::vector<Listener> listeners;
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() < 10 || words[3] != "0A") continue;
    const size_t colon = words[1].rfind(':');
    uint32_t port = 0;
    Listener listener;
    if (colon == absl::string_view::npos ||
        !absl::SimpleHexAtoi(words[1].substr(colon + 1), &port) || port > 65'535 ||
        !absl::SimpleAtoi(words[9], &listener.inode)) {
      continue;
    }
    listener.port = static_cast<uint16_t>(port);
    listeners.push_back(listener);
  }
  return listeners;
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool HoldsOneOf(int64_t pid, const std::set<uint64_t>& inodes) {
  const std::string fds = absl::StrCat("/proc/", pid, "/fd");
  const Directory directory(::opendir(fds.c_str()));
  if (directory == nullptr) return false;
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

}  // namespace

std::set<uint64_t> ListeningInodes(absl::string_view table, uint16_t port) {
  std::set<uint64_t> inodes;
  for (const Listener& listener : Listeners(table)) {
    if (listener.port == port) inodes.insert(listener.inode);
  }
  return inodes;
}

std::set<uint16_t> ListeningPorts(absl::string_view table) {
  std::set<uint16_t> ports;
  for (const Listener& listener : Listeners(table)) ports.insert(listener.port);
  return ports;
}

int64_t ParentInStat(absl::string_view stat) {
  // "4711 (a name) with )) S 1 …": the name may hold anything, so the last ')' ends it.
  const size_t end = stat.rfind(')');
  if (end == absl::string_view::npos) return 0;
  const std::vector<absl::string_view> words =
      absl::StrSplit(stat.substr(end + 1), ' ', absl::SkipEmpty());
  int64_t parent = 0;
  return words.size() >= 2 && absl::SimpleAtoi(words[1], &parent) ? parent : 0;
}

std::set<uint16_t> PortsTaken() {
  std::set<uint16_t> ports = ListeningPorts(Slurp("/proc/self/net/tcp"));
  ports.merge(ListeningPorts(Slurp("/proc/self/net/tcp6")));
  return ports;
}

bool IsListening(uint16_t port) { return PortsTaken().contains(port); }

bool ListensInTree(uint16_t port, int64_t root) {
  std::set<uint64_t> inodes = ListeningInodes(Slurp("/proc/self/net/tcp"), port);
  inodes.merge(ListeningInodes(Slurp("/proc/self/net/tcp6"), port));
  if (inodes.empty()) return false;
  const std::map<int64_t, int64_t> parents = Parents();
  for (const auto& [pid, first_parent] : parents) {
    int64_t ancestor = pid;
    // Processes come and go while /proc is read: a chain has an end all the same.
    for (int depth = 0; ancestor > 1 && ancestor != root && depth < 1'000; ++depth) {
      const auto next = parents.find(ancestor);
      ancestor = next == parents.end() ? 0 : next->second;
    }
    if (ancestor == root && HoldsOneOf(pid, inodes)) return true;
  }
  return false;
}

bool IsPortFree(uint16_t port) { return TryBind(AF_INET, &port) && TryBind(AF_INET6, &port); }

uint16_t AnyFreePort() {
  uint16_t port = 0;
  return TryBind(AF_INET, &port) ? port : uint16_t{0};
}

}  // namespace tributary::agent
