// A machine's ports as the test says.
#ifndef TRIBUTARY_TESTS_AGENT_PORTS_FAKE_PORTS_H_
#define TRIBUTARY_TESTS_AGENT_PORTS_FAKE_PORTS_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/ports/listeners.h"

namespace tributary::agent {

class FakePorts : public Ports {
 public:
  std::set<uint16_t> Taken() override { return taken; }
  std::vector<TreeListener> ListenersInTree(int64_t) override {
    std::vector<TreeListener> tree;
    for (const uint16_t port : of_command) tree.push_back({{.ip = command_ip, .port = port}, 0});
    for (const uint16_t port : of_children) tree.push_back({{.ip = command_ip, .port = port}, 1});
    return tree;
  }
  bool IsListenerOf(uint16_t port, int64_t pid, uint32_t uid) override {
    const auto found = listeners.find(port);
    return found != listeners.end() && found->second == std::pair(pid, uid);
  }
  std::string Holder(uint16_t port) override {
    const auto found = holders.find(port);
    return found == holders.end() ? "" : found->second;
  }
  bool IsFree(uint16_t port) override { return !taken.contains(port) && !hidden.contains(port); }
  uint16_t AnyFree() override { return 40'000; }

  std::set<uint16_t> taken;
  std::set<uint16_t> hidden;  // nobody listens, and nobody can
  std::set<uint16_t> of_command;
  std::set<uint16_t> of_children;
  std::string command_ip = "127.0.0.1";
  std::map<uint16_t, std::string> holders;
  std::map<uint16_t, std::pair<int64_t, uint32_t>> listeners;  // process and user
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_TESTS_AGENT_PORTS_FAKE_PORTS_H_
