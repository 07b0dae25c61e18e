#include "collector/gateway/exchange.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collector/gateway/rewrite.h"
#include "common/check.h"
#include "common/http/response_head.h"

namespace tributary::gateway {
namespace {

// What the framing of one chunk and of the end of a body adds, at the most.
constexpr size_t kChunkBytes = 64;
constexpr int kInterimMax = 16;

}  // namespace

Exchange::Exchange(const Options& options, Dependencies dependencies, Request request,
                   int descriptor)
    : options_(options),
      clock_(dependencies.clock),
      buffer_(dependencies.buffer),
      on_over_(std::move(dependencies.on_over)),
      request_(std::move(request)),
      wants_websocket_(WantsWebSocket(request_.head)),
      viewer_(dependencies.sockets->Adopt(descriptor, [this] { Pump(); })),
      input_(request_.rest),
      request_body_(request_.head.body),
      deadline_(absl::InfiniteDuration()) {}

void Exchange::Forward(tunnel::Channel channel) {
  CHECK(phase_ == Phase::kNew, "an exchange begins once");
  channel_ = std::move(channel);
  head_ = ForwardedRequest(request_.head, request_.route, request_.peer);
  phase_ = Phase::kHead;
  deadline_ = clock_->Monotonic() +
              (request_body_.done() ? options_.first_byte_timeout : options_.upload_timeout);
  Pump();
}

void Exchange::Answer(http::Response response) {
  http::EncodeOptions encoding;
  encoding.head_only = request_.head.method == "HEAD";
  keep_alive_ = request_body_.done() && request_.head.minor_version == 1 &&
                !request_.head.fields.HasToken("connection", "close");
  encoding.keep_alive = keep_alive_;
  encoding.now = clock_->Wall();
  http::EncodedResponse encoded = http::Encode(std::move(response), encoding);
  out_.Push(std::move(encoded.head), 0);
  out_.Push(std::move(encoded.body), 0);
  phase_ = Phase::kFinishing;
  deadline_ = clock_->Monotonic() + options_.upload_timeout;
  Pump();
}

void Exchange::Tick() {
  if (clock_->Monotonic() < deadline_) return;
  if (phase_ == Phase::kHead && !request_body_.done()) {
    // Whether the viewer or the service holds the upload up is not known; either may go on.
    if (channel_.Room() == 0) return;
    Over({});
  } else if (phase_ == Phase::kHead) {
    channel_.Reset("the collector waited long enough");
    Answer(ErrorPage(504, "The service does not answer",
                     {absl::StrCat("It has said nothing for ",
                                   absl::FormatDuration(options_.first_byte_timeout), ".")}));
  } else if (phase_ == Phase::kFinishing || phase_ == Phase::kLingering) {
    Over({});
  }
}

void Exchange::Pump() {
  // Sending makes the channel say at once that there is room for more.
  if (pumping_ || phase_ == Phase::kOver || phase_ == Phase::kNew) return;
  pumping_ = true;
  if (!out_.empty()) {
    const absl::StatusOr<uint64_t> taken = out_.WriteTo(viewer_.get());
    if (!taken.ok()) {
      pumping_ = false;
      Over({});
      return;
    }
    if (*taken > 0) channel_.Consumed(*taken);
  }
  if (phase_ == Phase::kHead || phase_ == Phase::kBody) PumpRequest();
  if (phase_ == Phase::kRaw) PumpRaw();
  pumping_ = false;
  if (phase_ == Phase::kFinishing && out_.empty()) Finish();
  if (phase_ == Phase::kLingering) Linger();
}

void Exchange::SendHead() {
  while (!head_.empty()) {
    const size_t room = channel_.Room();
    if (room == 0) return;
    channel_.Send(head_.substr(0, room));
    head_.erase(0, std::min(room, head_.size()));
  }
}

bool Exchange::Read(size_t bytes_max) {
  if (!input_.empty()) return true;
  const absl::StatusOr<std::optional<size_t>> count =
      viewer_->Read(buffer_->data(), std::min(bytes_max, buffer_->size()));
  if (!count.ok()) {
    Over({});
    return false;
  }
  if (!count->has_value()) return false;
  if (**count == 0) {
    viewer_ended_ = true;
    return false;
  }
  input_.assign(*buffer_, 0, **count);
  return true;
}

void Exchange::PumpRequest() {
  SendHead();
  const bool chunked = request_.head.body.kind == BodyFraming::Kind::kChunked;
  while (head_.empty() && !request_body_.done()) {
    const size_t room = channel_.Room();
    if (room <= kChunkBytes || !Read(room - kChunkBytes)) break;
    std::string payload;
    const absl::StatusOr<size_t> used =
        request_body_.Decode(absl::string_view(input_).substr(0, room - kChunkBytes), &payload);
    if (!used.ok()) {
      channel_.Reset("the viewer's request is malformed");
      if (phase_ == Phase::kHead) {
        Answer(ErrorPage(400, "Bad request", {std::string(used.status().message())}));
      } else {
        Over({});
      }
      return;
    }
    input_.erase(0, *used);
    if (chunked) {
      payload = absl::StrCat(payload.empty() ? "" : EncodeChunk(payload),
                             request_body_.done() ? EncodeChunk("") : "");
    }
    if (!payload.empty()) channel_.Send(std::move(payload));
    deadline_ = clock_->Monotonic() +
                (request_body_.done() ? options_.first_byte_timeout : options_.upload_timeout);
  }
  if (!goes_on()) return;
  // A viewer that is gone wants no answer: the service hears of it.
  if (viewer_ended_ || (request_body_.done() && viewer_->hung_up())) Over({});
}

void Exchange::PumpRaw() {
  while (!viewer_ended_) {
    const size_t room = channel_.Room();
    if (room == 0 || !Read(room)) break;
    channel_.Send(input_.substr(0, room));
    input_.erase(0, std::min(room, input_.size()));
  }
  if (!goes_on()) return;
  if (viewer_ended_) channel_.End();
  if (service_ended_ && out_.empty() && !writes_ended_) {
    writes_ended_ = true;
    viewer_->EndWrites();
  }
  if (viewer_ended_ && writes_ended_) Over({});
}

void Exchange::OnData(std::string bytes) {
  const uint64_t weight = bytes.size();
  switch (phase_) {
    case Phase::kHead:
      answer_head_ += bytes;
      channel_.Consumed(weight);
      ReadHead();
      break;
    case Phase::kBody:
      TakeBody(bytes, weight);
      break;
    case Phase::kRaw:
      out_.Push(std::move(bytes), weight);
      break;
    default:  // more than the answer
      channel_.Consumed(weight);
      break;
  }
  Pump();
}

void Exchange::ReadHead() {
  while (phase_ == Phase::kHead) {
    const size_t end = HeadEnd(answer_head_);
    if (end == absl::string_view::npos) {
      if (answer_head_.size() > kHeadBytesMax) Fail("its answer begins with too long a head");
      return;
    }
    const absl::StatusOr<ResponseHead> response =
        ParseResponseHead(absl::string_view(answer_head_).substr(0, end), request_.head.method);
    if (!response.ok()) {
      Fail(absl::StrCat("its answer is malformed: ", response.status().message()));
      return;
    }
    answer_head_.erase(0, end);
    TakeHead(*response);
  }
  const std::string rest = std::exchange(answer_head_, "");
  if (rest.empty()) return;
  if (phase_ == Phase::kRaw) out_.Push(rest, 0);
  if (phase_ == Phase::kBody) TakeBody(rest, 0);
}

void Exchange::TakeHead(const ResponseHead& response) {
  const RequestHead& request = request_.head;
  if (response.status == 101) {
    if (!wants_websocket_ || !absl::EqualsIgnoreCase(response.fields.Get("upgrade"), "websocket")) {
      Fail("it switched to a protocol that nobody asked for");
      return;
    }
    out_.Push(ForwardedResponse(response, request, request_.route, false, false), 0);
    phase_ = Phase::kRaw;
    deadline_ = absl::InfiniteDuration();
    return;
  }
  if (response.status < 200) {
    if (++interim_ > kInterimMax) {
      Fail("it sends one interim answer after another");
    } else if (request.minor_version == 1) {
      out_.Push(ForwardedResponse(response, request, request_.route, false, false), 0);
    }
    return;
  }
  const BodyFraming::Kind kind = response.body.kind;
  const bool has_no_length =
      kind == BodyFraming::Kind::kChunked || kind == BodyFraming::Kind::kUntilClose;
  chunked_ = has_no_length && request.minor_version == 1;
  keep_alive_ = request_body_.done() && request.minor_version == 1 &&
                !request.fields.HasToken("connection", "close");
  answer_body_.emplace(response.body);
  out_.Push(ForwardedResponse(response, request, request_.route, chunked_, !keep_alive_), 0);
  phase_ = answer_body_->done() ? Phase::kFinishing : Phase::kBody;
  deadline_ = absl::InfiniteDuration();
}

void Exchange::TakeBody(absl::string_view bytes, uint64_t weight) {
  std::string payload;
  const absl::StatusOr<size_t> used = answer_body_->Decode(bytes, &payload);
  if (!used.ok()) {
    Over({});
    return;
  }
  const bool done = answer_body_->done();
  if (chunked_) {
    payload =
        absl::StrCat(payload.empty() ? "" : EncodeChunk(payload), done ? EncodeChunk("") : "");
  }
  out_.Push(std::move(payload), weight);
  if (done) phase_ = Phase::kFinishing;
}

void Exchange::OnEnd() {
  if (phase_ == Phase::kRaw) {
    service_ended_ = true;
  } else if (phase_ == Phase::kHead) {
    Fail("it closed the connection without an answer");
  } else if (phase_ == Phase::kBody) {
    if (!answer_body_->End().ok()) {
      Over({});
      return;
    }
    if (chunked_) out_.Push(EncodeChunk(""), 0);
    phase_ = Phase::kFinishing;
  }
  Pump();
}

void Exchange::OnReset(const std::string& detail) {
  if (phase_ == Phase::kHead || phase_ == Phase::kBody || phase_ == Phase::kRaw) Fail(detail);
}

void Exchange::Fail(const std::string& why) {
  channel_.Reset("the answer was given up");
  if (phase_ != Phase::kHead || interim_ > 0) {
    // The viewer must not take a part for the whole.
    Over({});
    return;
  }
  Answer(ErrorPage(502, "The service cannot be reached",
                   {absl::StrCat("'", request_.route.service.service, "' of node '",
                                 request_.route.service.node, "': ", why, ".")}));
}

void Exchange::Finish() {
  channel_.Reset("the answer is complete");
  if (keep_alive_ && request_body_.done()) {
    Ending ending;
    ending.descriptor = viewer_->Release();
    ending.bytes = std::move(input_);
    Over(std::move(ending));
    return;
  }
  viewer_->EndWrites();
  phase_ = Phase::kLingering;
  deadline_ = clock_->Monotonic() + options_.linger;
}

void Exchange::Linger() {
  // A peer that never stops is left to the deadline; the loop has others to look after.
  for (int i = 0; i < 16; ++i) {
    const absl::StatusOr<std::optional<size_t>> count =
        viewer_->Read(buffer_->data(), buffer_->size());
    if (count.ok() && !count->has_value()) return;
    if (!count.ok() || **count == 0) break;
  }
  Over({});
}

void Exchange::Over(Ending ending) {
  if (!goes_on()) return;
  phase_ = Phase::kOver;
  channel_.Reset("the viewer's connection is over");
  viewer_.reset();
  on_over_(std::move(ending));
}

}  // namespace tributary::gateway
