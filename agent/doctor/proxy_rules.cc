#include "agent/doctor/proxy_rules.h"

#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tributary::agent {
namespace {

std::optional<ProxyVariable> FirstSet(const Environment& environment,
                                      std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const std::optional<std::string> value = environment(name);
    if (value.has_value() && !value->empty()) return ProxyVariable{name, *value};
  }
  return std::nullopt;
}

bool ToolsSpare(absl::string_view list, absl::string_view host) {
  for (absl::string_view entry : absl::StrSplit(list, absl::ByAnyChar(", "), absl::SkipEmpty())) {
    if (entry == "*") return true;
    absl::ConsumePrefix(&entry, "*");
    absl::ConsumePrefix(&entry, ".");
    if (!absl::EndsWithIgnoreCase(host, entry)) continue;
    const absl::string_view before = host.substr(0, host.size() - entry.size());
    if (before.empty() || absl::EndsWith(before, ".")) return true;
  }
  return false;
}

}  // namespace

std::optional<ProxyVariable> ProxyOfGrpc(const Environment& environment, const std::string& host) {
  const auto proxy = FirstSet(environment, {"grpc_proxy", "https_proxy", "http_proxy"});
  if (!proxy.has_value()) return std::nullopt;
  const auto spared = FirstSet(environment, {"no_grpc_proxy", "no_proxy"});
  if (!spared.has_value()) return proxy;
  for (const absl::string_view entry : absl::StrSplit(spared->value, ',', absl::SkipEmpty())) {
    if (absl::EndsWithIgnoreCase(host, absl::StripAsciiWhitespace(entry))) return std::nullopt;
  }
  return proxy;
}

std::optional<ProxyVariable> ProxyOfTools(const Environment& environment, const std::string& host) {
  const auto proxy = FirstSet(environment, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
  if (!proxy.has_value()) return std::nullopt;
  const auto spared = FirstSet(environment, {"no_proxy", "NO_PROXY"});
  if (spared.has_value() && ToolsSpare(spared->value, host)) return std::nullopt;
  return proxy;
}

std::optional<ProxyAddress> ParseProxy(absl::string_view value) {
  if (const size_t scheme = value.find("://"); scheme != absl::string_view::npos) {
    if (value.substr(0, scheme) != "http") return std::nullopt;
    value.remove_prefix(scheme + 3);
  }
  value = value.substr(0, value.find('/'));
  ProxyAddress address;
  if (const size_t at = value.rfind('@'); at != absl::string_view::npos) {
    address.authorization = absl::StrCat("Basic ", absl::Base64Escape(value.substr(0, at)));
    value.remove_prefix(at + 1);
  }
  const size_t colon = value.rfind(':');
  const bool has_port = colon != absl::string_view::npos && !absl::EndsWith(value, "]");
  if (has_port) {
    uint32_t port = 0;
    if (!absl::SimpleAtoi(value.substr(colon + 1), &port) || port == 0 || port > 65535) {
      return std::nullopt;
    }
    address.port = static_cast<uint16_t>(port);
    value = value.substr(0, colon);
  }
  absl::ConsumePrefix(&value, "[");
  absl::ConsumeSuffix(&value, "]");
  if (value.empty()) return std::nullopt;
  address.host = std::string(value);
  return address;
}

}  // namespace tributary::agent
