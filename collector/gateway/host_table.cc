#include "collector/gateway/host_table.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace tributary::gateway {
namespace {

constexpr absl::string_view kLocalhost = "localhost";

bool IsAddress(const std::string& host) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), buffer) == 1 ||
         inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), buffer) == 1;
}

bool IsPort(absl::string_view text) {
  return !text.empty() && text.size() <= 5 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

}  // namespace

HostPort SplitHost(absl::string_view text) {
  HostPort result;
  absl::string_view host = text;
  absl::string_view rest;
  if (absl::StartsWith(text, "[")) {
    const size_t end = text.find(']');
    if (end == absl::string_view::npos) return {};
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else if (const size_t colon = text.find(':'); colon != absl::string_view::npos) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (!rest.empty()) {
    if (!absl::ConsumePrefix(&rest, ":") || !IsPort(rest)) return {};
    result.port = std::string(rest);
  }
  result.host = absl::AsciiStrToLower(absl::StripSuffix(host, "."));
  return result;
}

HostTable::HostTable(const Options& options) : service_ports_(options.service_ports) {
  for (const std::string& name : options.allowed) {
    if (name == "*") {
      any_ = true;
    } else {
      allowed_.insert(SplitHost(name).host);
    }
  }
  bases_.emplace_back(kLocalhost);
  for (const std::string& base : options.bases) {
    bases_.push_back(SplitHost(base).host);
    allowed_.insert(bases_.back());
  }
}

HostTable::Place HostTable::Find(absl::string_view host_header) const {
  if (host_header.empty()) return {Kind::kOurs, ""};
  const std::string host = SplitHost(host_header).host;
  if (host.empty()) return {};
  for (const std::string& base : bases_) {
    absl::string_view label = host;
    if (absl::ConsumeSuffix(&label, base) && absl::ConsumeSuffix(&label, ".") && !label.empty() &&
        !absl::StrContains(label, '.') && absl::StrContains(label, "--")) {
      return {Kind::kService, std::string(label)};
    }
  }
  const bool ours = any_ || host == kLocalhost || IsAddress(host) ||
                    !absl::StrContains(host, '.') || absl::EndsWith(host, ".localhost") ||
                    allowed_.count(host) > 0;
  if (ours) return {Kind::kOurs, ""};
  MutexLock lock(&mu_);
  return {machine_.count(host) > 0 ? Kind::kOurs : Kind::kForeign, ""};
}

bool HostTable::IsConfigured(absl::string_view host) const {
  return allowed_.count(std::string(host)) > 0;
}

bool HostTable::IsSameOrigin(absl::string_view origin, absl::string_view host_header) const {
  const bool tls = absl::ConsumePrefix(&origin, "https://");
  if (!tls && !absl::ConsumePrefix(&origin, "http://")) return false;  // "null", and others
  const HostPort from = SplitHost(origin);
  const HostPort to = SplitHost(host_header);
  if (from.host.empty()) return false;
  if (from.host != to.host) return IsConfigured(from.host);
  const std::string usual = tls ? "443" : "80";
  return to.port.empty() || (from.port.empty() ? usual : from.port) == to.port;
}

void HostTable::SetMachineNames(const std::vector<std::string>& names) {
  MutexLock lock(&mu_);
  machine_.clear();
  for (const std::string& name : names) machine_.insert(SplitHost(name).host);
}

void HostTable::SetOpenPorts(std::set<uint16_t> ports) {
  MutexLock lock(&mu_);
  open_ports_ = std::move(ports);
}

std::string HostTable::OriginOf(absl::string_view host_header, absl::string_view label,
                                uint16_t service_port) const {
  const HostPort by = SplitHost(host_header);
  if (const std::string base = BaseFor(by.host); !base.empty()) {
    return absl::StrCat(label, ".", base, by.port.empty() ? "" : ":", by.port);
  }
  MutexLock lock(&mu_);
  if (open_ports_.count(service_port) == 0) return "";
  const bool is_v6 = absl::StrContains(by.host, ':');
  return absl::StrCat(is_v6 ? "[" : "", by.host, is_v6 ? "]" : "", ":", service_port);
}

// The base under which a viewer who came by this name finds the services.
std::string HostTable::BaseFor(const std::string& host) const {
  for (const std::string& base : bases_) {
    if (host == base || absl::EndsWith(host, absl::StrCat(".", base))) return base;
  }
  // A browser that reaches us by loopback finds *.localhost there, too.
  if (host == "::1" || (absl::StartsWith(host, "127.") && IsAddress(host))) {
    return std::string(kLocalhost);
  }
  return bases_.size() > 1 ? bases_[1] : "";
}

std::vector<std::string> MachineNames() {
  std::vector<std::string> names;
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0') {
    names.emplace_back(name);
    addrinfo hints = {};
    hints.ai_flags = AI_CANONNAME;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(name, nullptr, &hints, &found) == 0) {
      if (found->ai_canonname != nullptr) names.emplace_back(found->ai_canonname);
      freeaddrinfo(found);
    }
  }
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return names;
  for (const ifaddrs* it = interfaces; it != nullptr; it = it->ifa_next) {
    if (it->ifa_addr == nullptr) continue;
    const int family = it->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (getnameinfo(it->ifa_addr, length, name, sizeof(name), nullptr, 0, NI_NAMEREQD) == 0) {
      names.emplace_back(name);
    }
  }
  freeifaddrs(interfaces);
  return names;
}

}  // namespace tributary::gateway
