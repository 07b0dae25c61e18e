#include "collector/gateway/body_decoder.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace tributary::gateway {
namespace {

// A chunk may have so many digits, and a body so many bytes beside its payload.
constexpr int kSizeDigitsMax = 15;
constexpr size_t kExtraBytesMax = 64u << 10;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsLineText(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

BodyDecoder::BodyDecoder(const BodyFraming& framing) : left_(framing.length) {
  switch (framing.kind) {
    case BodyFraming::Kind::kNone:
      state_ = State::kDone;
      break;
    case BodyFraming::Kind::kLength:
      state_ = left_ == 0 ? State::kDone : State::kLength;
      break;
    case BodyFraming::Kind::kChunked:
      state_ = State::kSize;
      left_ = 0;
      break;
    case BodyFraming::Kind::kUntilClose:
      state_ = State::kUntilClose;
      break;
  }
}

absl::StatusOr<size_t> BodyDecoder::Decode(absl::string_view bytes, std::string* payload) {
  size_t at = 0;
  while (at < bytes.size() && state_ != State::kDone) {
    if (state_ == State::kUntilClose) {
      payload->append(bytes.data() + at, bytes.size() - at);
      return bytes.size();
    }
    if (state_ == State::kLength || state_ == State::kData) {
      const size_t count = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size() - at));
      payload->append(bytes.data() + at, count);
      at += count;
      left_ -= count;
      if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kDataEnd;
      continue;
    }
    absl::Status status = Take(bytes[at++]);
    if (!status.ok()) {
      state_ = State::kBroken;
      return status;
    }
  }
  return at;
}

absl::Status BodyDecoder::Take(char c) {
  const absl::Status bad = absl::InvalidArgumentError("a body whose chunks are not framed well");
  switch (state_) {
    case State::kSize: {
      const int digit = HexDigit(c);
      if (digit >= 0) {
        if (++digits_ > kSizeDigitsMax) return bad;
        left_ = left_ * 16 + static_cast<uint64_t>(digit);
        return absl::OkStatus();
      }
      if (digits_ == 0) return bad;
      if (c == '\r') {
        state_ = State::kSizeEnd;
      } else if (c == ';') {
        state_ = State::kExtension;
      } else {
        return bad;
      }
      return absl::OkStatus();
    }
    case State::kExtension:
    case State::kTrailerLine:
      if (++extra_bytes_ > kExtraBytesMax) return bad;
      if (c == '\r') {
        state_ = state_ == State::kExtension ? State::kSizeEnd : State::kTrailerLf;
        return absl::OkStatus();
      }
      return IsLineText(c) ? absl::OkStatus() : bad;
    case State::kSizeEnd:
      if (c != '\n') return bad;
      digits_ = 0;
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      return absl::OkStatus();
    case State::kDataEnd:
      if (c != '\r') return bad;
      state_ = State::kDataEndLf;
      return absl::OkStatus();
    case State::kDataEndLf:
      if (c != '\n') return bad;
      state_ = State::kSize;
      return absl::OkStatus();
    case State::kTrailer:
      if (++extra_bytes_ > kExtraBytesMax || (c != '\r' && !IsLineText(c))) return bad;
      state_ = c == '\r' ? State::kLastLf : State::kTrailerLine;
      return absl::OkStatus();
    case State::kTrailerLf:
      if (c != '\n') return bad;
      state_ = State::kTrailer;
      return absl::OkStatus();
    case State::kLastLf:
      if (c != '\n') return bad;
      state_ = State::kDone;
      return absl::OkStatus();
    default:
      return bad;
  }
}

absl::Status BodyDecoder::End() {
  if (state_ == State::kUntilClose) state_ = State::kDone;
  return done() ? absl::OkStatus() : absl::DataLossError("the body was cut short");
}

std::string EncodeChunk(absl::string_view payload) {
  if (payload.empty()) return "0\r\n\r\n";
  return absl::StrCat(absl::Hex(payload.size()), "\r\n", payload, "\r\n");
}

}  // namespace tributary::gateway
