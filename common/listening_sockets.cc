#include "common/listening_sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"

namespace tributary {
namespace {

// The state of a socket that listens, in the kernel's tables.
constexpr absl::string_view kListen = "0A";
constexpr absl::string_view kSocketLink = "socket:[";

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Calls `visit` with each name in the directory until it returns false.
void ForEachName(const std::string& path, const std::function<bool(const std::string&)>& visit) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (!visit(entry->d_name)) return;
  }
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// "0100007F:1776" or the same with 32 digits: words of 32 bits as they lie in this machine's
// memory.
std::optional<std::pair<std::string, uint16_t>> ParseAddress(absl::string_view text) {
  const size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<uint32_t, 4> words = {};
  for (size_t i = 0; i < colon / 8; ++i) {
    if (!absl::SimpleHexAtoi(text.substr(i * 8, 8), &words[i])) return std::nullopt;
  }
  uint32_t port = 0;
  if (!absl::SimpleHexAtoi(text.substr(colon + 1), &port) || port > 65535) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> ip = {};
  ::inet_ntop(colon == 8 ? AF_INET : AF_INET6, words.data(), ip.data(), ip.size());
  return std::pair(std::string(ip.data()), static_cast<uint16_t>(port));
}

// Inode of the socket that a descriptor of /proc is, nullopt for another kind.
std::optional<uint64_t> SocketInode(const std::string& descriptor) {
  std::array<char, 64> target;
  const ssize_t length = ::readlink(descriptor.c_str(), target.data(), target.size());
  if (length < 0) return std::nullopt;
  absl::string_view link(target.data(), static_cast<size_t>(length));
  uint64_t inode = 0;
  if (!absl::StartsWith(link, kSocketLink) || !absl::EndsWith(link, "]")) return std::nullopt;
  link = link.substr(kSocketLink.size(), link.size() - kSocketLink.size() - 1);
  if (!absl::SimpleAtoi(link, &inode)) return std::nullopt;
  return inode;
}

// The kernel keeps 15 bytes of a program's name; a longer one is completed by how it was called.
std::string ProgramName(const std::string& process) {
  constexpr size_t kKept = 15;
  std::string name(absl::StripAsciiWhitespace(ReadAll(process + "/comm")));
  if (name.size() < kKept) return name;
  const std::string command = ReadAll(process + "/cmdline");
  const std::string called(BaseName(command.substr(0, command.find('\0'))));
  return absl::StartsWith(called, name) ? called : name;
}

}  // namespace

bool AcceptsLocal(const ListeningSocket& socket) {
  for (const absl::string_view ip : {"0.0.0.0", "::", "127.0.0.1", "::1", "::ffff:127.0.0.1"}) {
    if (socket.ip == ip) return true;
  }
  return false;
}

std::vector<ListeningSocket> ParseSocketTable(absl::string_view table) {
  std::vector<ListeningSocket> sockets;
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    const std::vector<absl::string_view> columns =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (columns.size() < 10 || columns[3] != kListen) continue;
    const auto address = ParseAddress(columns[1]);
    ListeningSocket socket;
    if (!address.has_value() || !absl::SimpleAtoi(columns[7], &socket.owner_uid) ||
        !absl::SimpleAtoi(columns[9], &socket.inode)) {
      continue;
    }
    std::tie(socket.ip, socket.port) = *address;
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

std::vector<ListeningSocket> ListeningSocketsAlone() {
  std::vector<ListeningSocket> sockets = ParseSocketTable(ReadAll("/proc/net/tcp"));
  for (ListeningSocket& socket : ParseSocketTable(ReadAll("/proc/net/tcp6"))) {
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

std::vector<ListeningSocket> ListeningSockets() {
  std::vector<ListeningSocket> sockets = ListeningSocketsAlone();
  std::unordered_map<uint64_t, std::vector<ListeningSocket*>> unclaimed;
  for (ListeningSocket& socket : sockets) unclaimed[socket.inode].push_back(&socket);
  ForEachName("/proc", [&](const std::string& name) {
    int64_t pid = 0;
    if (!absl::SimpleAtoi(name, &pid)) return true;
    const std::string process = absl::StrCat("/proc/", pid);
    ForEachName(process + "/fd", [&](const std::string& fd) {
      const std::optional<uint64_t> inode = SocketInode(absl::StrCat(process, "/fd/", fd));
      const auto found = inode.has_value() ? unclaimed.find(*inode) : unclaimed.end();
      if (found == unclaimed.end()) return true;
      for (ListeningSocket* socket : found->second) {
        socket->pid = pid;
        socket->program = ProgramName(process);
      }
      unclaimed.erase(found);
      return !unclaimed.empty();
    });
    return !unclaimed.empty();
  });
  return sockets;
}

std::string PortHolder(uint16_t port) {
  for (const ListeningSocket& socket : ListeningSockets()) {
    if (socket.port != port || socket.pid == 0) continue;
    return absl::StrCat(socket.program.empty() ? "a process" : socket.program, " (pid ", socket.pid,
                        ")");
  }
  return "";
}

}  // namespace tributary
