// HTTP/1.1 over sockets that somebody else accepted. Hides Boost.Beast.
#ifndef TRIBUTARY_COMMON_HTTP_HTTP_SERVER_H_
#define TRIBUTARY_COMMON_HTTP_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/http/message.h"

namespace tributary::http {

// Thread-safe. Owns its threads, named "http-NN". Keep-alive, HEAD (the handler's answer without
// its body), gzip of textual bodies for clients that take it, 100-continue; every limit of Options
// is checked before memory is taken.
class HttpServer {
 public:
  struct Options {
    int threads = 2;
    uint32_t header_bytes_max = 64u << 10;  // exceeded: 431
    uint64_t body_bytes_max = 16u << 20;    // exceeded: 413
    int connections_max = 10'000;  // exceeded: the oldest idle one is closed, else the new one
    // Bytes of all answers that wait for their readers, whose number is not bounded otherwise: a
    // blob may have 64 MiB. What does not fit is answered with 503; the first always fits.
    uint64_t answers_bytes_max = 1u << 30;
    // Without a request, and for each 256 KiB of an answer to be taken.
    absl::Duration idle_timeout = absl::Seconds(60);
    // From the first byte of a request to its last; after it the connection is closed.
    absl::Duration request_timeout = absl::Seconds(20);
    // Requests that somebody else answers, with their connections. Both run on HTTP threads and may
    // be null together.
    // Asked for each request: whether it is one, by all of its head as it was sent and the port
    // that the connection came to.
    std::function<bool(absl::string_view head, uint16_t local_port)> wants = nullptr;
    // Owns the connection from now on; `bytes` is all that was read, the head first. Gives it back,
    // if it likes, by Adopt.
    std::function<void(int socket, std::string bytes, std::string peer, uint16_t local_port)>
        take_over = nullptr;
  };

  // `handler` must live until Stop has returned.
  HttpServer(const Options& options, Handler handler);
  ~HttpServer();

  // Takes a connected, non-blocking socket over; bytes that were only peeked at are still in it.
  // `bytes` were read from it before.
  void Adopt(int socket, absl::string_view bytes = {});

  // Closes idle connections, lets answers under way end for at most `grace`, joins the threads.
  // Once.
  void Stop(absl::Duration grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A listening socket whose connections are sorted by their first bytes, which are peeked at and not
// consumed: an HTTP/2 preface ("PRI") goes to `on_grpc`, anything else to `on_http`; an X11 client,
// and a peer that says nothing for 10 s, is closed. Both callbacks get a connected non-blocking
// socket with TCP_NODELAY that they own. They run on the mux's thread, "accept".
class PortMux {
 public:
  struct Options {
    std::string host = "localhost";  // numeric or a name; "localhost" listens on 127.0.0.1 and,
                                     // where it exists, ::1
    uint16_t port = 0;               // 0: any free one
    bool all_interfaces = false;
  };
  // `on_grpc` may be null: then the preface is answered by `on_http`.
  // AlreadyExists if the port is taken; the message names the holder (program and pid) where the
  // system tells. InvalidArgument for a host that does not resolve.
  static absl::StatusOr<std::unique_ptr<PortMux>> Listen(const Options& options,
                                                         std::function<void(int)> on_grpc,
                                                         std::function<void(int)> on_http);
  ~PortMux();

  uint16_t port() const;
  // Numeric addresses that it listens on: "127.0.0.1:6006", "[::]:6006".
  const std::vector<std::string>& addresses() const;
  // Stops accepting and joins the thread. Once.
  void Stop();

 private:
  struct Impl;
  explicit PortMux(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::http

#endif  // TRIBUTARY_COMMON_HTTP_HTTP_SERVER_H_
