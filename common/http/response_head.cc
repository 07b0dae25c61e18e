#include "common/http/response_head.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/http/gzip.h"

namespace tributary::http {
namespace {

// Below this a packet is a packet.
constexpr size_t kCompressBytesMin = 512;
// Of our own static files, which were compressed at set-up.
constexpr uint64_t kInflatedBytesMax = 256u << 20;

bool IsTextual(absl::string_view content_type) {
  constexpr std::array<absl::string_view, 6> kTypes = {
      "application/javascript", "application/json",       "application/json+protobuf",
      "image/svg+xml",          "application/x-protobuf", "application/x-latex"};
  if (absl::StrContains(content_type, "charset=")) return true;
  const absl::string_view media =
      absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';')));
  return absl::StartsWith(media, "text/") ||
         std::find(kTypes.begin(), kTypes.end(), media) != kTypes.end();
}

void AppendHeader(absl::string_view name, absl::string_view value, std::string* head) {
  absl::StrAppend(head, name, ": ");
  for (const char c : value) {
    if (!absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == '\t') head->push_back(c);
  }
  absl::StrAppend(head, "\r\n");
}

// Brings the body into the encoding that the client takes; true if that is gzip.
bool EncodeBody(Response* response, const EncodeOptions& options, bool may_compress) {
  if (response->body_is_gzip) {
    if (options.accepts_gzip) return true;
    absl::StatusOr<std::string> plain = Gunzip(response->body, kInflatedBytesMax);
    if (plain.ok()) {
      response->body = *std::move(plain);
    } else {
      response->status = 500;
      response->content_type = "text/plain; charset=utf-8";
      response->body = "A stored file is damaged.\n";
    }
    return false;
  }
  if (!may_compress || !options.accepts_gzip || response->body.size() < kCompressBytesMin) {
    return false;
  }
  std::string compressed = Gzip(response->body);
  if (compressed.size() >= response->body.size()) return false;
  response->body = std::move(compressed);
  return true;
}

}  // namespace

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

EncodedResponse Encode(Response response, const EncodeOptions& options) {
  const bool has_body = response.status != 204 && response.status != 304;
  const bool may_compress = response.compress && IsTextual(response.content_type);
  const bool gzipped = has_body && EncodeBody(&response, options, may_compress);

  EncodedResponse encoded;
  std::string& head = encoded.head;
  head = absl::StrCat("HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status), "\r\n");
  AppendHeader("Date",
               absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", options.now, absl::UTCTimeZone()),
               &head);
  if (has_body) {
    AppendHeader("Content-Type", response.content_type, &head);
    AppendHeader("Content-Length", absl::StrCat(response.body.size()), &head);
  }
  AppendHeader("X-Content-Type-Options", "nosniff", &head);
  if (gzipped) AppendHeader("Content-Encoding", "gzip", &head);
  if (may_compress || response.body_is_gzip) AppendHeader("Vary", "Accept-Encoding", &head);
  for (const auto& [name, value] : response.headers) AppendHeader(name, value, &head);
  AppendHeader("Connection", options.keep_alive ? "keep-alive" : "close", &head);
  absl::StrAppend(&head, "\r\n");

  if (has_body && !options.head_only) encoded.body = std::move(response.body);
  return encoded;
}

}  // namespace tributary::http
