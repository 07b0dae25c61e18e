// One request of a viewer and its answer, passed through a tunnel.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_EXCHANGE_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_EXCHANGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "collector/gateway/body_decoder.h"
#include "collector/gateway/http_head.h"
#include "collector/gateway/routes.h"
#include "common/clock.h"
#include "common/net/stream_socket.h"
#include "common/net/write_queue.h"
#include "common/tunnel/tunnel_link.h"

namespace tributary::gateway {

// Holds no body: what one side sends waits until the other takes it. After a switch to WebSocket,
// bytes go both ways unread.
//
//   request --> head of the answer --> body --> over, the connection goes on elsewhere
//                    |                  |
//                    +-- 101 --> raw ---+-- cut, if the answer breaks off
//
// Belongs to the gateway's queue. Ends once, by `on_over`, and is of no use then.
class Exchange : public tunnel::ChannelEvents {
 public:
  struct Options {
    // Silence of the service before the first byte of its answer, from the last byte of the
    // request.
    absl::Duration first_byte_timeout = absl::Minutes(5);
    // Silence of the viewer within its request.
    absl::Duration upload_timeout = absl::Seconds(60);
    // What a viewer still sends after an early answer is read for so long, so that a reset does not
    // overtake the answer.
    absl::Duration linger = absl::Seconds(2);
  };
  // How it ended.
  struct Ending {
    // The viewer's connection, to be served on, and what was read beyond the request; else -1.
    int descriptor = -1;
    std::string bytes;
  };
  struct Dependencies {
    net::Sockets* sockets = nullptr;
    Clock* clock = nullptr;
    std::string* buffer = nullptr;  // what bytes are read to
    std::function<void(Ending ending)> on_over;
  };
  struct Request {
    RequestHead head;
    Route route;
    std::string rest;  // what was read after the head
    std::string peer;
  };

  // Takes the viewer's connection over.
  Exchange(const Options& options, Dependencies dependencies, Request request, int descriptor);

  // One of the two, once.
  void Forward(tunnel::Channel channel);
  void Answer(http::Response response);
  // Once a second.
  void Tick();

  void OnData(std::string bytes) override;
  void OnEnd() override;
  void OnReset(const std::string& detail) override;
  void OnRoom() override { Pump(); }

 private:
  enum class Phase {
    kNew,
    kHead,  // the head of the answer is awaited
    kBody,
    kRaw,
    kFinishing,  // all of the answer is in out_
    kLingering,
    kOver,
  };

  // Moves what can be moved, and finishes what is done.
  void Pump();
  void PumpRequest();
  void PumpRaw();
  void SendHead();
  // Reads to input_ if it is empty; at most `bytes_max`. False if there is nothing now, or the
  // viewer is gone.
  bool Read(size_t bytes_max);
  void ReadHead();
  void TakeHead(const ResponseHead& response);
  void TakeBody(absl::string_view bytes, uint64_t weight);
  void Linger();
  void Finish();
  // 502 while that can still be said, else a cut.
  void Fail(const std::string& why);
  void Over(Ending ending);
  bool goes_on() const { return phase_ != Phase::kOver; }

  const Options options_;
  Clock* const clock_;
  std::string* const buffer_;
  const std::function<void(Ending)> on_over_;
  const Request request_;
  const bool wants_websocket_;
  Phase phase_ = Phase::kNew;
  std::unique_ptr<net::StreamSocket> viewer_;
  tunnel::Channel channel_;
  bool pumping_ = false;

  // To the service.
  std::string head_;   // not sent yet
  std::string input_;  // read from the viewer, not sent yet
  BodyDecoder request_body_;
  bool viewer_ended_ = false;  // raw

  // To the viewer.
  std::string answer_head_;  // as far as it came
  std::optional<BodyDecoder> answer_body_;
  bool chunked_ = false;
  bool keep_alive_ = false;
  int interim_ = 0;
  net::WriteQueue out_;
  bool service_ended_ = false;  // raw
  bool writes_ended_ = false;

  absl::Duration deadline_;  // of what the phase waits for
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_EXCHANGE_H_
