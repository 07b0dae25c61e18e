#include "collector/gateway/routes.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "collector/registry/service_address.h"

namespace tributary::gateway {
namespace {

constexpr absl::string_view kNode = "/node/";
constexpr size_t kListedMax = 100;

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

http::Response Redirect(int status, std::string location) {
  http::Response response;
  response.status = status;
  response.headers.emplace_back("Location", std::move(location));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace

http::Response ErrorPage(int status, absl::string_view title,
                         const std::vector<std::string>& lines) {
  http::Response response;
  response.status = status;
  response.content_type = "text/html; charset=utf-8";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("Content-Security-Policy", "default-src 'none'");
  if (status == 503) response.headers.emplace_back("Retry-After", "5");
  response.body = absl::StrCat("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>",
                               EscapeHtml(title), "</title><h1>", EscapeHtml(title), "</h1>\n");
  for (const std::string& line : lines) {
    absl::StrAppend(&response.body, "<p>", EscapeHtml(line), "</p>\n");
  }
  return response;
}

Decision Routes::Decide(const RequestHead& request, uint16_t local_port) const {
  const HostTable::Place place = hosts_->Find(request.fields.Get("host"));
  if (place.kind == HostTable::Kind::kForeign) return {};
  if (hosts_->IsServicePort(local_port)) return ByPort(request, local_port);
  if (place.kind == HostTable::Kind::kService) return ByLabel(request, place.label);
  absl::string_view rest = request.target;
  if (!absl::ConsumePrefix(&rest, options_.path_prefix) || !absl::ConsumePrefix(&rest, kNode)) {
    return {};
  }
  return ByPath(request, rest);
}

Decision Routes::ByPath(const RequestHead& request, absl::string_view below_node) const {
  const size_t path_end = std::min(below_node.find('?'), below_node.size());
  const absl::string_view path = below_node.substr(0, path_end);
  const size_t node_end = std::min(path.find('/'), path.size());
  const std::string node = http::PercentDecode(path.substr(0, node_end));
  const absl::string_view after_node = path.substr(std::min(node_end + 1, path.size()));
  const size_t service_end = std::min(after_node.find('/'), after_node.size());
  const std::string name = http::PercentDecode(after_node.substr(0, service_end));
  const std::shared_ptr<const ServiceSnapshot> snapshot = board_->Get();
  const auto found = snapshot->services.find({node, name});
  Decision decision;
  if (found == snapshot->services.end()) {
    std::vector<std::string> lines;
    for (auto it = snapshot->services.lower_bound({node, ""});
         it != snapshot->services.end() && it->first.first == node && lines.size() < kListedMax;
         ++it) {
      lines.push_back(absl::StrCat(options_.path_prefix, ServicePath(node, it->first.second), "/"));
    }
    lines.insert(lines.begin(), lines.empty() ? absl::StrCat("Node '", node, "' has no services.")
                                              : absl::StrCat("Services of node '", node, "':"));
    decision.answer = ErrorPage(404, "There is no such service", lines);
    return decision;
  }
  const ServiceStatus& service = found->second;
  decision.answer = Unavailable(service);
  if (decision.answer.has_value()) return decision;
  const std::string prefix = absl::StrCat(options_.path_prefix, ServicePath(node, name));
  // What follows the service's name, with the query.
  const absl::string_view rest = after_node.substr(service_end);
  const std::string tail = absl::StrCat(rest, below_node.substr(path_end));
  if (service.mode == ServiceMode::kHost) return ToOwnOrigin(request, service, tail);
  if (rest.empty() && (request.method == "GET" || request.method == "HEAD")) {
    decision.answer = Redirect(302, absl::StrCat(prefix, "/", tail));
    return decision;
  }
  Route route;
  route.service = service;
  route.prefix = prefix;
  route.strips = service.mode == ServiceMode::kStrip;
  // Without its slash only a request that is no GET comes here.
  const std::string path_and_query = rest.empty() ? absl::StrCat("/", tail) : tail;
  route.target = absl::StrCat(route.strips ? service.base_path : prefix, path_and_query);
  decision.route = std::move(route);
  return decision;
}

Decision Routes::ByPort(const RequestHead& request, uint16_t port) const {
  const std::shared_ptr<const ServiceSnapshot> snapshot = board_->Get();
  Decision decision;
  for (const auto& [key, service] : snapshot->services) {
    if (service.port != port || service.mode != ServiceMode::kHost) continue;
    // Two may have the number: one that is away does not hide one that is there.
    decision.answer = Unavailable(service);
    if (decision.answer.has_value()) continue;
    Route route;
    route.service = service;
    route.target = request.target;
    decision.route = std::move(route);
    return decision;
  }
  if (decision.answer.has_value()) return decision;
  decision.answer = ErrorPage(404, "There is no such service",
                              {absl::StrCat("No service of any node has the port ", port, ".")});
  return decision;
}

Decision Routes::ByLabel(const RequestHead& request, const std::string& label) const {
  const std::shared_ptr<const ServiceSnapshot> snapshot = board_->Get();
  Decision decision;
  for (const auto& [key, service] : snapshot->services) {
    if (ServiceHostLabel(key.first, key.second) != label) continue;
    decision.answer = Unavailable(service);
    if (decision.answer.has_value()) return decision;
    Route route;
    route.service = service;
    route.target = request.target;
    const std::string below =
        service.mode == ServiceMode::kKeep
            ? absl::StrCat(options_.path_prefix, ServicePath(key.first, key.second))
            : service.base_path;
    if (request.target == "/" && !below.empty()) {
      decision.answer = Redirect(302, absl::StrCat(below, "/"));
      return decision;
    }
    decision.route = std::move(route);
    return decision;
  }
  decision.answer = ErrorPage(404, "There is no such service",
                              {absl::StrCat("No service of any node opens at '", label, "'.")});
  return decision;
}

std::optional<http::Response> Routes::Unavailable(const ServiceStatus& service) {
  const std::string who = absl::StrCat("'", service.service, "' of node '", service.node, "'");
  if (service.state == ServiceState::kStarting) {
    return ErrorPage(503, "The service is starting",
                     {absl::StrCat(who, " has its port and does not answer there yet.")});
  }
  if (service.state == ServiceState::kStale) {
    return ErrorPage(
        503, "The service is away",
        {absl::StrCat(
            "The process that runs ", who, " has had no connection to the collector since ",
            absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", service.away_since, absl::UTCTimeZone()),
            ".")});
  }
  return std::nullopt;
}

Decision Routes::ToOwnOrigin(const RequestHead& request, const ServiceStatus& service,
                             absl::string_view rest) const {
  const absl::string_view host_header = request.fields.Get("host");
  const std::string label = ServiceHostLabel(service.node, service.service);
  const std::string origin = hosts_->OriginOf(host_header, label, service.port);
  Decision decision;
  if (origin.empty()) {
    decision.answer = ErrorPage(
        404, "The service needs a name of its own",
        {absl::StrCat("'", service.service, "' opens at ", label,
                      ".localhost on the machine that the collector runs on, or through ssh -L."),
         "If its pages link to one another by relative addresses, start it again with "
         "exec --mode strip: it opens right here then. Otherwise other names need a base that "
         "leads here, or a port: start the collector with --gateway_base or with "
         "--service_ports."});
    return decision;
  }
  // 307 keeps the method. The scheme stays the browser's.
  decision.answer =
      Redirect(307, absl::StrCat("//", origin, absl::StartsWith(rest, "/") ? "" : "/", rest));
  return decision;
}

}  // namespace tributary::gateway
