// A machine's ports as the test says.
#ifndef TRIBUTARY_TESTS_AGENT_PORTS_FAKE_PORTS_H_
#define TRIBUTARY_TESTS_AGENT_PORTS_FAKE_PORTS_H_

#include <map>
#include <set>
#include <utility>

#include "agent/ports/listeners.h"

namespace tributary::agent {

class FakePorts : public Ports {
 public:
  std::set<uint16_t> Taken() override { return taken; }
  bool ListensInTree(uint16_t port, int64_t) override { return of_command.contains(port); }
  bool IsListenerOf(uint16_t port, int64_t pid, uint32_t uid) override {
    const auto found = listeners.find(port);
    return found != listeners.end() && found->second == std::pair(pid, uid);
  }
  bool IsFree(uint16_t port) override { return !taken.contains(port) && !hidden.contains(port); }
  uint16_t AnyFree() override { return 40'000; }

  std::set<uint16_t> taken;
  std::set<uint16_t> hidden;  // nobody listens, and nobody can
  std::set<uint16_t> of_command;
  std::map<uint16_t, std::pair<int64_t, uint32_t>> listeners;  // process and user
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_TESTS_AGENT_PORTS_FAKE_PORTS_H_
