// The collector's side of a session, every answer of which is written by the test.
#ifndef TRIBUTARY_TESTS_AGENT_PORTS_SCRIPTED_SERVICES_H_
#define TRIBUTARY_TESTS_AGENT_PORTS_SCRIPTED_SERVICES_H_

#include <vector>

#include "agent/ports/services_transport.h"

namespace tributary::agent {

class ScriptedServices : public ServicesTransport {
 public:
  void Connect(ServicesTransportEvents* events) override {
    ++connects;
    events_ = events;
  }
  void Send(const cluster::v1::ServicesRequest& request) override { sent.push_back(request); }
  void Finish() override { finished = true; }

  ServicesTransportEvents* events_ = nullptr;
  int connects = 0;
  bool finished = false;
  std::vector<cluster::v1::ServicesRequest> sent;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_TESTS_AGENT_PORTS_SCRIPTED_SERVICES_H_
