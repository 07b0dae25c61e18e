#include "collector/addresses.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

// How others name the interface that is listened on.
std::string HostForOthers(const CollectorConfig& config) {
  const std::string& host = config.host;
  if (config.all_interfaces || host == "0.0.0.0" || host == "::") return HostName();
  if (absl::StrContains(host, ':') && !absl::StartsWith(host, "[")) {
    return absl::StrCat("[", host, "]");
  }
  return host;
}

}  // namespace

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

std::string NodeName() {
  const std::string host_name = HostName();
  return host_name.substr(0, host_name.find('.'));
}

Addresses::Addresses(const CollectorConfig& config, int port, std::string store_id)
    : authority_(absl::StrCat(HostForOthers(config), ":", port)),
      path_prefix_(config.path_prefix),
      store_id_(std::move(store_id)),
      on_loopback_(config.on_loopback),
      listens_(port != 0) {}

std::string Addresses::Origin() const { return absl::StrCat("http://", authority_); }

std::string Addresses::Url() const { return absl::StrCat(Origin(), path_prefix_, "/"); }

std::string Addresses::JoinCommand() const {
  if (store_id_.empty() || !listens_) return "";
  return absl::StrCat("tributary-agent --collector ", authority_, " --store ", store_id_,
                      on_loopback_ ? "" : " --plaintext", " --logdir LOGDIR");
}

std::string Addresses::JoinNote() const {
  if (store_id_.empty() || !on_loopback_) return "";
  return "The collector listens for this machine only. For other nodes, on a network you trust, "
         "start it again with --bind_all --plaintext --no-auth.";
}

}  // namespace tributary
