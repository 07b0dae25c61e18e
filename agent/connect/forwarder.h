// Connections that come in here lead to one other address.
#ifndef TRIBUTARY_AGENT_CONNECT_FORWARDER_H_
#define TRIBUTARY_AGENT_CONNECT_FORWARDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/log.h"

namespace tributary::agent {

// Each connection has one of its own to the other end, made when it comes in: there is nothing to
// be lost between two of them, and one that breaks takes no other with it. Where no connection can
// be made, the one that came in is reset; that is one line in the log, throttled.
//
// Thread-safe. Two threads: "forward" moves the bytes, "resolve" asks for names.
class Forwarder {
 public:
  struct Options {
    // The other end.
    std::string host;
    uint16_t port = 0;
    // More are reset as they come.
    size_t connections_max = 1000;
    // Of one connection, in each direction.
    size_t buffer_bytes = 64 << 10;
    // For all addresses of the other end together.
    absl::Duration connect_timeout = absl::Seconds(20);
    // Addresses are asked for again when they are older, or when none answered.
    absl::Duration addresses_age_max = absl::Minutes(1);
    // A peer that is gone without a word is noticed after so much silence.
    absl::Duration dead_after = absl::Seconds(20);
  };

  // `clock` and `log` must outlive this.
  Forwarder(const Options& options, Clock* clock, Logger* log);
  // Resets all connections and joins the threads; a name service that does not answer may hold this
  // up for its own time-out.
  ~Forwarder();

  // Takes a connected, non-blocking socket over.
  void Adopt(int socket);

 private:
  class Loop;
  const std::unique_ptr<Loop> loop_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_CONNECT_FORWARDER_H_
