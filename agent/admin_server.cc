#include "agent/admin_server.h"

#include <utility>

#include "common/http/http_server.h"
#include "common/status_macros.h"

namespace tributary::agent {
namespace {

class HttpAdminServer : public AdminServer {
 public:
  explicit HttpAdminServer(AdminBoard* board)
      : server_({.threads = 1, .body_bytes_max = 1u << 16, .connections_max = 100},
                [board](const http::Request& request) {
                  AdminAnswer answer = board->Answer(request.method, request.path);
                  http::Response response;
                  response.status = answer.status;
                  response.content_type = std::move(answer.content_type);
                  response.body = std::move(answer.body);
                  return response;
                }) {}

  ~HttpAdminServer() override {
    if (mux_ != nullptr) mux_->Stop();
    server_.Stop(absl::Seconds(1));
  }

  absl::Status Listen(const std::string& host, uint16_t port) {
    http::PortMux::Options options;
    options.host = host;
    options.port = port;
    ASSIGN_OR_RETURN(mux_, http::PortMux::Listen(options, nullptr,
                                                 [this](int socket) { server_.Adopt(socket); }));
    return absl::OkStatus();
  }

  uint16_t port() const override { return mux_->port(); }

 private:
  // The mux is stopped first: it hands sockets to the server.
  http::HttpServer server_;
  std::unique_ptr<http::PortMux> mux_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> StartAdminServer(const std::string& host,
                                                              uint16_t port, AdminBoard* board) {
  auto server = std::make_unique<HttpAdminServer>(board);
  RETURN_IF_ERROR(server->Listen(host, port));
  return server;
}

}  // namespace tributary::agent
