#include "agent/connect/local_port.h"

#include <utility>

#include "common/http/http_server.h"
#include "common/status_macros.h"

namespace tributary::agent {
namespace {

class MuxedPort : public LocalPort {
 public:
  MuxedPort(const Forwarder::Options& options, Clock* clock, Logger* log)
      : forwarder_(options, clock, log) {}
  ~MuxedPort() override {
    // It hands sockets to the forwarder.
    if (mux_ != nullptr) mux_->Stop();
  }

  absl::Status Listen(const std::string& host, uint16_t port) {
    http::PortMux::Options options;
    options.host = host;
    options.port = port;
    // Whatever it speaks: all goes one way. Clients of HTTP and gRPC speak first.
    ASSIGN_OR_RETURN(mux_, http::PortMux::Listen(options, nullptr,
                                                 [this](int socket) { forwarder_.Adopt(socket); }));
    return absl::OkStatus();
  }

  uint16_t port() const override { return mux_->port(); }
  const std::vector<std::string>& addresses() const override { return mux_->addresses(); }

 private:
  Forwarder forwarder_;
  std::unique_ptr<http::PortMux> mux_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LocalPort>> OpenLocalPort(const std::string& host, uint16_t port,
                                                         const Forwarder::Options& options,
                                                         Clock* clock, Logger* log) {
  auto local = std::make_unique<MuxedPort>(options, clock, log);
  RETURN_IF_ERROR(local->Listen(host, port));
  return local;
}

}  // namespace tributary::agent
