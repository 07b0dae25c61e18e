#include "collector/gateway/rewrite.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tributary::gateway {
namespace {

// Of one connection, not of the message; Connection names more.
constexpr std::array<absl::string_view, 9> kHopByHop = {
    "connection", "keep-alive", "proxy-connection",    "proxy-authenticate",
    "te",         "trailer",    "proxy-authorization", "transfer-encoding",
    "upgrade"};
// Set here, each in its own way.
constexpr std::array<absl::string_view, 6> kOwnRequestFields = {"host",
                                                                "content-length",
                                                                "x-forwarded-for",
                                                                "x-forwarded-proto",
                                                                "x-forwarded-host",
                                                                "x-forwarded-prefix"};
// What a service must not say for the whole of the collector's host.
constexpr std::array<absl::string_view, 7> kHostWideFields = {"alt-svc",
                                                              "strict-transport-security",
                                                              "clear-site-data",
                                                              "service-worker-allowed",
                                                              "nel",
                                                              "report-to",
                                                              "public-key-pins"};

template <size_t n>
bool IsOneOf(absl::string_view name, const std::array<absl::string_view, n>& names) {
  return std::any_of(names.begin(), names.end(), [name](absl::string_view other) {
    return absl::EqualsIgnoreCase(name, other);
  });
}

bool IsOurs(absl::string_view name) {
  return absl::StartsWithIgnoreCase(name, "tributary") ||
         absl::StartsWithIgnoreCase(name, "x-tributary");
}

void AddField(absl::string_view name, absl::string_view value, std::string* head) {
  absl::StrAppend(head, name, ": ", value, "\r\n");
}

std::string ServiceHost(const Route& route) {
  return absl::StrCat("localhost:", route.service.port);
}

// Without ours; empty if nothing is left.
std::string ForwardedCookies(absl::string_view cookies) {
  std::vector<absl::string_view> kept;
  for (const absl::string_view cookie : absl::StrSplit(cookies, ';')) {
    const absl::string_view text = absl::StripAsciiWhitespace(cookie);
    if (!text.empty() && !absl::StartsWithIgnoreCase(text, "tributary")) kept.push_back(text);
  }
  return absl::StrJoin(kept, "; ");
}

// "http://localhost:6006/node/n/s/a" -> "http://localhost:8888/a", if it is of this host.
std::string MappedUrl(absl::string_view url, absl::string_view host, const Route& route) {
  for (const absl::string_view scheme : {"http://", "https://"}) {
    absl::string_view rest = url;
    if (!absl::ConsumePrefix(&rest, scheme)) continue;
    const size_t path = std::min(rest.find('/'), rest.size());
    if (!absl::EqualsIgnoreCase(rest.substr(0, path), host)) break;
    rest.remove_prefix(path);
    if (!route.strips || !absl::ConsumePrefix(&rest, route.prefix)) {
      return absl::StrCat("http://", ServiceHost(route), rest);
    }
    return absl::StrCat("http://", ServiceHost(route), route.service.base_path, rest);
  }
  return std::string(url);
}

bool IsBelow(absl::string_view path, absl::string_view prefix) {
  return absl::ConsumePrefix(&path, prefix) && (path.empty() || absl::StartsWith(path, "/"));
}

// A path of the service's own, without what all of them begin with.
absl::string_view WithoutBase(absl::string_view path, const Route& route) {
  if (IsBelow(path, route.service.base_path)) path.remove_prefix(route.service.base_path.size());
  return path;
}

void AddForwarded(const RequestHead& request, const Route& route, absl::string_view peer,
                  std::string* head) {
  const Fields& fields = request.fields;
  std::vector<absl::string_view> path;
  for (const Fields::Field& field : fields.all()) {
    if (absl::EqualsIgnoreCase(field.first, "x-forwarded-for")) path.push_back(field.second);
  }
  path.push_back(peer);
  AddField("X-Forwarded-For", absl::StrJoin(path, ", "), head);
  const absl::string_view proto = fields.Get("x-forwarded-proto");
  AddField("X-Forwarded-Proto", proto == "https" ? "https" : "http", head);
  const absl::string_view host = fields.Get("x-forwarded-host");
  AddField("X-Forwarded-Host", host.empty() ? fields.Get("host") : host, head);
  if (route.strips) {
    AddField("X-Forwarded-Prefix",
             absl::StrCat(absl::StripSuffix(fields.Get("x-forwarded-prefix"), "/"), route.prefix),
             head);
  }
}

}  // namespace

bool WantsWebSocket(const RequestHead& request) {
  return request.method == "GET" && request.minor_version == 1 &&
         request.body.kind == BodyFraming::Kind::kNone &&
         request.fields.HasToken("connection", "upgrade") &&
         absl::EqualsIgnoreCase(request.fields.Get("upgrade"), "websocket");
}

std::string ForwardedRequest(const RequestHead& request, const Route& route,
                             absl::string_view peer_address) {
  const absl::string_view host = request.fields.Get("host");
  std::string head = absl::StrCat(request.method, " ", route.target, " HTTP/1.1\r\n");
  AddField("Host", ServiceHost(route), &head);
  for (const auto& [name, value] : request.fields.all()) {
    if (IsOneOf(name, kHopByHop) || IsOneOf(name, kOwnRequestFields) || IsOurs(name)) continue;
    if (request.fields.HasToken("connection", name)) continue;
    if (absl::EqualsIgnoreCase(name, "cookie")) {
      const std::string cookies = ForwardedCookies(value);
      if (!cookies.empty()) AddField(name, cookies, &head);
    } else if (absl::EqualsIgnoreCase(name, "origin") || absl::EqualsIgnoreCase(name, "referer")) {
      AddField(name, MappedUrl(value, host, route), &head);
    } else if (absl::EqualsIgnoreCase(name, "authorization") &&
               absl::StartsWithIgnoreCase(value, "tributary")) {
      continue;
    } else {
      AddField(name, value, &head);
    }
  }
  AddForwarded(request, route, peer_address, &head);
  if (request.body.kind == BodyFraming::Kind::kChunked) {
    AddField("Transfer-Encoding", "chunked", &head);
  } else if (request.fields.Count("content-length") > 0) {
    AddField("Content-Length", absl::StrCat(request.body.length), &head);
  }
  if (WantsWebSocket(request)) {
    absl::StrAppend(&head, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
  } else {
    // One request for one connection: nothing of one viewer can be taken for another's.
    absl::StrAppend(&head, "Connection: close\r\n");
  }
  return absl::StrCat(head, "\r\n");
}

std::optional<std::string> MappedCookie(absl::string_view set_cookie, const Route& route) {
  if (absl::StartsWithIgnoreCase(absl::StripLeadingAsciiWhitespace(set_cookie), "tributary")) {
    return std::nullopt;
  }
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(set_cookie, ';')) {
    const absl::string_view text = absl::StripAsciiWhitespace(part);
    const size_t equals = std::min(text.find('='), text.size());
    const absl::string_view name = absl::StripAsciiWhitespace(text.substr(0, equals));
    const absl::string_view value =
        absl::StripAsciiWhitespace(text.substr(std::min(equals + 1, text.size())));
    if (parts.empty()) {
      parts.emplace_back(text);
    } else if (absl::EqualsIgnoreCase(name, "domain")) {
      // It is of this host and no other, however it was meant.
      continue;
    } else if (!absl::EqualsIgnoreCase(name, "path") || route.prefix.empty()) {
      parts.emplace_back(text);
    } else if (!absl::StartsWith(value, "/")) {
      continue;  // as absent, which is the folder of the page
    } else if (IsBelow(value, route.prefix)) {
      parts.emplace_back(text);
    } else if (route.strips) {
      parts.push_back(absl::StrCat("Path=", route.prefix, WithoutBase(value, route)));
    } else {
      return std::nullopt;
    }
  }
  return absl::StrJoin(parts, "; ");
}

std::string MappedLocation(absl::string_view location, absl::string_view host, const Route& route) {
  absl::string_view path = location;
  for (const absl::string_view scheme : {"http://", "https://", "//"}) {
    absl::string_view rest = location;
    if (!absl::ConsumePrefix(&rest, scheme)) continue;
    const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    const absl::string_view authority = rest.substr(0, end);
    const bool own = absl::EqualsIgnoreCase(authority, host) ||
                     absl::EqualsIgnoreCase(authority, ServiceHost(route)) ||
                     authority == absl::StrCat("127.0.0.1:", route.service.port);
    if (!own) return std::string(location);
    path = rest.substr(end);
    if (path.empty()) path = "/";
    // "//" at the start would name another host.
    if (absl::StartsWith(path, "//") && !route.strips) return absl::StrCat("/.", path);
    break;
  }
  if (!route.strips || !absl::StartsWith(path, "/") || IsBelow(path, route.prefix)) {
    return std::string(path);
  }
  return absl::StrCat(route.prefix, WithoutBase(path, route));
}

std::string ForwardedResponse(const ResponseHead& response, const RequestHead& request,
                              const Route& route, bool chunked, bool close) {
  std::string head = absl::StrCat("HTTP/1.1 ", response.status, " ", response.reason, "\r\n");
  const bool interim = response.status < 200;
  for (const auto& [name, value] : response.fields.all()) {
    if (IsOneOf(name, kHopByHop) || IsOneOf(name, kHostWideFields) || IsOurs(name)) continue;
    if (response.fields.HasToken("connection", name)) continue;
    if (absl::EqualsIgnoreCase(name, "content-length") && (chunked || interim)) continue;
    if (absl::EqualsIgnoreCase(name, "set-cookie")) {
      if (const std::optional<std::string> cookie = MappedCookie(value, route)) {
        AddField(name, *cookie, &head);
      }
    } else if (absl::EqualsIgnoreCase(name, "location") ||
               absl::EqualsIgnoreCase(name, "content-location")) {
      AddField(name, MappedLocation(value, request.fields.Get("host"), route), &head);
    } else {
      AddField(name, value, &head);
    }
  }
  if (response.status == 101) {
    absl::StrAppend(&head, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
  } else if (!interim) {
    if (chunked) AddField("Transfer-Encoding", "chunked", &head);
    if (close) AddField("Connection", "close", &head);
  }
  return absl::StrCat(head, "\r\n");
}

}  // namespace tributary::gateway
