// A network and a machine that are what a test says.
#ifndef TRIBUTARY_TESTS_AGENT_DOCTOR_FAKES_H_
#define TRIBUTARY_TESTS_AGENT_DOCTOR_FAKES_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/doctor/machine.h"
#include "agent/doctor/network.h"

namespace tributary::agent {

// What a server says to a request.
using Server = std::function<std::string(const std::string& request)>;

// Says what it was made with, part by part, and then closes, or fails. A server, if there is one,
// answers what is sent.
class FakeConnection : public Connection {
 public:
  explicit FakeConnection(std::deque<std::string> answers, absl::Status end = absl::OkStatus(),
                          std::string tls_answer = "", Server server = nullptr)
      : answers_(std::move(answers)),
        end_(std::move(end)),
        tls_answer_(std::move(tls_answer)),
        server_(std::move(server)) {}
  absl::Status Send(absl::string_view bytes) override {
    if (bytes[0] == 0x16 && !tls_answer_.empty()) answers_.push_back(tls_answer_);
    if (server_) answers_.push_back(server_(std::string(bytes)));
    sent += std::string(bytes);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> Receive() override {
    if (answers_.empty()) {
      if (!end_.ok()) return end_;
      return std::string();
    }
    std::string part = answers_.front();
    answers_.pop_front();
    return part;
  }
  std::string sent;

 private:
  std::deque<std::string> answers_;
  const absl::Status end_;
  const std::string tls_answer_;
  const Server server_;
};

class FakeNetwork : public Network {
 public:
  absl::StatusOr<std::vector<std::string>> Resolve(const std::string& host) override {
    const auto found = names.find(host);
    if (found == names.end()) return absl::NotFoundError("Name or service not known");
    return found->second;
  }
  absl::StatusOr<std::unique_ptr<Connection>> Connect(const Endpoint& endpoint,
                                                      absl::Duration) override {
    tried.push_back(EndpointText(endpoint));
    const auto found = ends.find(endpoint.ip);
    if (found == ends.end()) return absl::UnavailableError("Connection refused");
    if (!found->second.ok()) return found->second.status();
    return std::make_unique<FakeConnection>(*found->second, said_last, greets_tls_with, server);
  }
  std::vector<std::string> OwnAddresses() override { return own; }

  std::map<std::string, absl::StatusOr<std::vector<std::string>>> names;
  // By IP: what is answered there, or why it is not reached.
  std::map<std::string, absl::StatusOr<std::deque<std::string>>> ends;
  Server server;  // at all of them
  absl::Status said_last;
  std::string greets_tls_with;  // empty: not at all
  std::vector<std::string> own = {"10.0.0.7"};
  std::vector<std::string> tried;
};

class FakeMachine : public Machine {
 public:
  std::vector<ListeningSocket> Listeners() override { return listeners; }
  std::vector<OpenEventFile> OpenEventFiles() override { return open; }
  std::optional<Process> FindProcess(int64_t pid) override {
    const auto found = processes.find(pid);
    if (found == processes.end()) return std::nullopt;
    return found->second;
  }
  std::optional<InotifyUse> Inotify() override { return inotify; }
  uint32_t user_id() override { return 1000; }

  std::vector<ListeningSocket> listeners;
  std::vector<OpenEventFile> open;
  std::map<int64_t, Process> processes;
  std::optional<InotifyUse> inotify = InotifyUse{8192, 128, 0, 0};
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_TESTS_AGENT_DOCTOR_FAKES_H_
