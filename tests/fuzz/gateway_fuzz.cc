// HTTP/1 at the gateway: a head that is read is passed on as one that reads the same; a body read
// whole and read split anywhere is the same; cookies and locations stay on one line.
//
// Input: the kind (one byte), where to split (one byte), then the bytes of a message.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "collector/gateway/body_decoder.h"
#include "collector/gateway/http_head.h"
#include "collector/gateway/rewrite.h"
#include "collector/gateway/routes.h"
#include "common/check.h"

namespace tributary::gateway {
namespace {

Route MakeRoute(uint8_t kind) {
  Route route;
  route.service.node = "n1";
  route.service.service = "board";
  route.service.port = 8888;
  route.target = "/a?b";
  if (kind % 3 != 0) route.prefix = "/tb/node/n1/board";
  route.strips = kind % 3 == 1;
  return route;
}

void CheckBody(const BodyFraming& framing, absl::string_view bytes, size_t split) {
  if (split > bytes.size()) split = bytes.size();
  BodyDecoder whole(framing);
  std::string payload;
  const auto used = whole.Decode(bytes, &payload);
  BodyDecoder parts(framing);
  std::string payload_of_parts;
  auto first = parts.Decode(bytes.substr(0, split), &payload_of_parts);
  auto second = first;
  if (first.ok()) second = parts.Decode(bytes.substr(split), &payload_of_parts);
  CHECK(used.ok() == second.ok());
  if (!used.ok()) return;
  CHECK(*used == *first + *second && payload == payload_of_parts && whole.done() == parts.done());
  CHECK(*used <= bytes.size());
  // What is sent on reads back as the same.
  BodyDecoder again({BodyFraming::Kind::kChunked, 0});
  std::string payload_again;
  const std::string encoded = (payload.empty() ? "" : EncodeChunk(payload)) + EncodeChunk("");
  CHECK(again.Decode(encoded, &payload_again).ok() && again.done() && payload_again == payload);
}

void CheckRequest(absl::string_view bytes, size_t end, const Route& route, size_t split) {
  const auto request = ParseRequestHead(bytes.substr(0, end));
  if (!request.ok()) return;
  const std::string sent = ForwardedRequest(*request, route, "10.0.0.1");
  if (sent.size() <= kHeadBytesMax && request->fields.all().size() + 8 < kFieldsMax) {
    const auto again = ParseRequestHead(sent);
    CHECK(again.ok(), again.status().message(), "\n", sent);
    CHECK(again->method == request->method && again->target == route.target);
    CHECK(again->body.kind == request->body.kind && again->body.length == request->body.length);
    CHECK(HeadEnd(sent) == sent.size());
    CHECK(again->fields.Get("host") == "localhost:8888");
    for (const auto& [name, value] : again->fields.all()) {
      CHECK(!absl::StartsWithIgnoreCase(name, "tributary"));
    }
  }
  CheckBody(request->body, bytes.substr(end), split);
}

void CheckResponse(absl::string_view bytes, size_t end, const Route& route, size_t split) {
  const auto response = ParseResponseHead(bytes.substr(0, end), "GET");
  if (!response.ok()) return;
  RequestHead request;
  request.method = "GET";
  request.fields.Add("Host", "head:6006");
  using Kind = BodyFraming::Kind;
  const bool chunked =
      response->body.kind == Kind::kChunked || response->body.kind == Kind::kUntilClose;
  const std::string sent = ForwardedResponse(*response, request, route, chunked, true);
  if (response->status >= 200 && sent.size() <= kHeadBytesMax &&
      response->fields.all().size() + 4 < kFieldsMax) {
    const auto again = ParseResponseHead(sent, "GET");
    CHECK(again.ok(), again.status().message(), "\n", sent);
    CHECK(again->status == response->status);
    CHECK(again->body.kind == (chunked ? Kind::kChunked : response->body.kind));
    CHECK(HeadEnd(sent) == sent.size());
    for (const auto& [name, value] : again->fields.all()) {
      CHECK(!absl::EqualsIgnoreCase(name, "set-cookie") ||
            !absl::StartsWithIgnoreCase(value, "tributary"));
    }
  }
  CheckBody(response->body, bytes.substr(end), split);
}

}  // namespace
}  // namespace tributary::gateway

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary::gateway;
  if (size < 2) return 0;
  const Route route = MakeRoute(data[0] / 2);
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t end = HeadEnd(bytes);
  if (end == absl::string_view::npos) {
    CheckBody({BodyFraming::Kind::kChunked, 0}, bytes, data[1]);
    return 0;
  }
  if (data[0] % 2 == 0) {
    CheckRequest(bytes, end, route, data[1]);
  } else {
    CheckResponse(bytes, end, route, data[1]);
  }
  return 0;
}
