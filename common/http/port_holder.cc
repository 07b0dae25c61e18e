#include "common/http/port_holder.h"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tributary::http {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// Adds "socket:[inode]" of each listening socket with the port in a table of /proc/net.
void AddListeners(const char* table, uint16_t port, std::vector<std::string>* sockets) {
  constexpr absl::string_view kListen = "0A";
  const std::string wanted = absl::StrFormat(":%04X", port);
  std::ifstream file(table);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::array<std::string, 10> columns;
    for (std::string& column : columns) words >> column;
    if (columns[3] == kListen && columns[1].ends_with(wanted)) {
      sockets->push_back(absl::StrCat("socket:[", columns[9], "]"));
    }
  }
}

bool HoldsOneOf(const std::string& pid, const std::vector<std::string>& sockets) {
  const std::string fds = absl::StrCat("/proc/", pid, "/fd");
  const Directory directory(::opendir(fds.c_str()));
  if (directory == nullptr) return false;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::array<char, 64> target;
    const ssize_t length =
        ::readlink(absl::StrCat(fds, "/", entry->d_name).c_str(), target.data(), target.size());
    if (length > 0 && absl::c_linear_search(
                          sockets, absl::string_view(target.data(), static_cast<size_t>(length)))) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string PortHolder(uint16_t port) {
  std::vector<std::string> sockets;
  AddListeners("/proc/net/tcp", port, &sockets);
  AddListeners("/proc/net/tcp6", port, &sockets);
  if (sockets.empty()) return "";
  const Directory processes(::opendir("/proc"));
  if (processes == nullptr) return "";
  while (const dirent* entry = ::readdir(processes.get())) {
    const std::string pid = entry->d_name;
    if (!absl::c_all_of(pid, [](char c) { return c >= '0' && c <= '9'; })) continue;
    if (!HoldsOneOf(pid, sockets)) continue;
    std::string program;
    std::ifstream comm(absl::StrCat("/proc/", pid, "/comm"));
    std::getline(comm, program);
    return absl::StrCat(program.empty() ? "a process" : program, " (pid ", pid, ")");
  }
  return "";
}

}  // namespace tributary::http
