// Takes the framing off a body as its bytes arrive.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_BODY_DECODER_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_BODY_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/gateway/http_head.h"

namespace tributary::gateway {

// Holds no bytes of the body. Trailers and extensions of chunks are dropped, within limits.
class BodyDecoder {
 public:
  explicit BodyDecoder(const BodyFraming& framing);

  // How many of `bytes` belong to the body: less than all only once it is done. What they carry is
  // added to `payload`. InvalidArgument for chunks that are not properly framed; every later call
  // fails too.
  absl::StatusOr<size_t> Decode(absl::string_view bytes, std::string* payload);
  // The sender has ended: OK if the body is whole.
  absl::Status End();

  bool done() const { return state_ == State::kDone; }

 private:
  enum class State {
    kUntilClose,
    kLength,     // `left_` of the body
    kSize,       // in a chunk's size
    kExtension,  // after it, to the end of the line
    kSizeEnd,    // the line feed after a size
    kData,       // `left_` of a chunk
    kDataEnd,    // the CR LF after it
    kDataEndLf,
    kTrailer,  // at the start of a line
    kTrailerLine,
    kTrailerLf,
    kLastLf,
    kDone,
    kBroken,
  };
  absl::Status Take(char c);

  State state_;
  uint64_t left_ = 0;
  int digits_ = 0;
  size_t extra_bytes_ = 0;  // of extensions and trailers
};

// A chunk with `payload`, or the last one if that is empty.
std::string EncodeChunk(absl::string_view payload);

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_BODY_DECODER_H_
