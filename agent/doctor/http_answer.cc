#include "agent/doctor/http_answer.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"

namespace tributary::agent {
namespace {

// What is longer is no head: an answer that never ends one is not searched again and again.
constexpr size_t kHeadBytesMax = 64 << 10;

struct Head {
  HttpAnswer answer;  // without its body
  size_t bytes = 0;   // up to and with the empty line
  std::optional<uint64_t> content_length;
};

std::optional<Head> ParseHead(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, "HTTP/1.")) return std::nullopt;
  const size_t end = bytes.substr(0, kHeadBytesMax).find("\r\n\r\n");
  if (end == absl::string_view::npos) return std::nullopt;
  Head head;
  head.bytes = end + 4;
  bool first = true;
  for (const absl::string_view line : absl::StrSplit(bytes.substr(0, end), "\r\n")) {
    if (std::exchange(first, false)) {
      // "HTTP/1.1 200 OK"
      const size_t space = line.find(' ');
      if (space == absl::string_view::npos ||
          !absl::SimpleAtoi(line.substr(space + 1, 3), &head.answer.status) ||
          head.answer.status < 100) {
        return std::nullopt;
      }
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;
    const absl::string_view name = line.substr(0, colon);
    const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
    uint64_t length = 0;
    if (absl::EqualsIgnoreCase(name, "server")) {
      head.answer.server = std::string(value);
    } else if (absl::EqualsIgnoreCase(name, "content-length") && absl::SimpleAtoi(value, &length)) {
      head.content_length = length;
    }
  }
  return head;
}

// How many bytes the answer that begins with `bytes` has; nullopt while its head is not complete.
std::optional<size_t> AnswerBytes(absl::string_view bytes, const AskOptions& options) {
  const std::optional<Head> head = ParseHead(bytes);
  if (!head.has_value()) return std::nullopt;
  if (options.head_only) return head->bytes;
  const uint64_t rest = head->content_length.value_or(options.bytes_max);
  return head->bytes + std::min<uint64_t>(rest, options.bytes_max);
}

}  // namespace

std::optional<HttpAnswer> ParseHttpAnswer(absl::string_view bytes) {
  std::optional<Head> head = ParseHead(bytes);
  if (!head.has_value()) return std::nullopt;
  head->answer.body = std::string(bytes.substr(head->bytes));
  head->answer.whole = head->answer.body.size() >= head->content_length.value_or(0);
  return std::move(head->answer);
}

absl::string_view ForeignProtocol(absl::string_view bytes) {
  // A record of an alert (21) or of a handshake (22), version 3.x.
  const bool is_record = bytes.size() >= 2 && (bytes[0] == 0x15 || bytes[0] == 0x16);
  if (is_record && bytes[1] == 0x03) return "TLS";
  if (absl::StartsWith(bytes, "SSH-")) return "SSH";
  // A SETTINGS frame of stream 0: three bytes of length, type 4.
  constexpr size_t kFrameHeaderBytes = 9;
  if (bytes.size() >= kFrameHeaderBytes && bytes[0] == 0 && bytes[3] == 4 &&
      bytes.substr(5, 4) == absl::string_view("\0\0\0\0", 4)) {
    return "HTTP/2";
  }
  return "";
}

std::string TlsGreeting() {
  const std::string random(32, '\x5a');
  // Version 1.2, no session, one cipher suite, no compression, no extensions.
  const std::string hello =
      absl::StrCat("\x03\x03", random, absl::string_view("\0", 1),
                   absl::string_view("\0\x02\xc0\x2f", 4), absl::string_view("\x01\0", 2));
  const auto length = [](size_t bytes) {
    return std::string{static_cast<char>(bytes >> 8), static_cast<char>(bytes & 0xff)};
  };
  const std::string message =
      absl::StrCat(absl::string_view("\x01\0", 2), length(hello.size()), hello);
  return absl::StrCat("\x16\x03\x01", length(message.size()), message);
}

std::string GetRequest(absl::string_view authority, absl::string_view path,
                       absl::string_view version) {
  return absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", authority,
                      "\r\nUser-Agent: tributary-agent/", version,
                      "\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

absl::StatusOr<std::string> Ask(Connection* connection, absl::string_view request,
                                const AskOptions& options) {
  RETURN_IF_ERROR(connection->Send(request));
  std::string bytes;
  std::optional<size_t> wanted;
  while (bytes.size() < std::min(options.bytes_max, wanted.value_or(options.bytes_max))) {
    const absl::StatusOr<std::string> part = connection->Receive();
    if (!part.ok() && bytes.empty()) return part.status();
    if (!part.ok() || part->empty()) break;
    bytes += *part;
    if (!wanted.has_value()) wanted = AnswerBytes(bytes, options);
  }
  bytes.resize(std::min(bytes.size(), options.bytes_max));
  return bytes;
}

}  // namespace tributary::agent
