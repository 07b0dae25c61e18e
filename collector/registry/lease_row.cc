#include "collector/registry/lease_row.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "collector/registry/row_seal.h"
#include "common/status_macros.h"
#include "tributary/store/v1/rows.pb.h"

namespace tributary {
namespace {

// A node has no '/' in its name, so the first one ends it.
std::optional<LeaseKey> ParseName(absl::string_view name) {
  const size_t slash = name.find('/');
  if (slash == absl::string_view::npos || slash == 0 || slash + 1 == name.size()) {
    return std::nullopt;
  }
  return LeaseKey(name.substr(0, slash), name.substr(slash + 1));
}

absl::Status BadRow(const RegistryEntry& entry, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("registry row ", entry.key, " ", what));
}

store::v1::LeaseMode ToRow(ServiceMode mode) {
  switch (mode) {
    case ServiceMode::kKeep:
      return store::v1::LEASE_MODE_KEEP;
    case ServiceMode::kStrip:
      return store::v1::LEASE_MODE_STRIP;
    case ServiceMode::kHost:
      return store::v1::LEASE_MODE_HOST;
  }
  return store::v1::LEASE_MODE_UNSPECIFIED;
}

ServiceMode FromRow(store::v1::LeaseMode mode) {
  switch (mode) {
    case store::v1::LEASE_MODE_KEEP:
      return ServiceMode::kKeep;
    case store::v1::LEASE_MODE_STRIP:
      return ServiceMode::kStrip;
    default:
      return ServiceMode::kHost;
  }
}

}  // namespace

std::string LeaseName(const LeaseKey& key) { return absl::StrCat(key.first, "/", key.second); }
std::string LeaseRowKey(const LeaseKey& key) { return absl::StrCat(kLeasePrefix, LeaseName(key)); }
std::string PortKey(uint16_t port) { return absl::StrCat(kPortPrefix, port); }

RegistryEntry MakeLeaseEntry(const LeaseKey& key, const LeaseRow& row) {
  store::v1::LeaseRow message;
  message.set_claimed(row.claimed);
  message.set_port(row.port);
  message.set_wish(row.wish);
  message.set_wish_taken_on_node(row.wish_taken_on_node);
  message.set_mode(ToRow(row.mode));
  message.set_command(row.command);
  message.set_user(row.user);
  message.set_pid(row.pid);
  message.set_process_nonce(row.process);
  message.set_claim_id(row.claim_id);
  message.set_since_unix_nanos(absl::ToUnixNanos(row.since));
  if (row.stale_since.has_value()) {
    message.set_stale_since_unix_nanos(absl::ToUnixNanos(*row.stale_since));
  }
  message.set_found(row.found);
  message.set_base_path(row.base_path);
  return SealRow(LeaseRowKey(key), message.SerializeAsString());
}

RegistryEntry MakePortEntry(uint16_t port, const LeaseKey& owner) {
  return SealRow(PortKey(port), LeaseName(owner));
}

absl::StatusOr<std::pair<LeaseKey, LeaseRow>> ParseLeaseEntry(const RegistryEntry& entry) {
  const std::optional<LeaseKey> key = ParseName(absl::StripPrefix(entry.key, kLeasePrefix));
  if (!key.has_value()) return BadRow(entry, "names no service");
  ASSIGN_OR_RETURN(const auto message, UnsealMessage<store::v1::LeaseRow>(entry));
  if (message.port() > 65'535 || message.wish() > 65'535) return BadRow(entry, "has no port");
  LeaseRow row;
  row.claimed = message.claimed();
  row.port = static_cast<uint16_t>(message.port());
  row.wish = static_cast<uint16_t>(message.wish());
  row.wish_taken_on_node = message.wish_taken_on_node();
  row.mode = FromRow(message.mode());
  row.command = message.command();
  row.user = message.user();
  row.pid = message.pid();
  row.process = message.process_nonce();
  row.claim_id = message.claim_id();
  row.since = absl::FromUnixNanos(message.since_unix_nanos());
  if (message.stale_since_unix_nanos() != 0) {
    row.stale_since = absl::FromUnixNanos(message.stale_since_unix_nanos());
  }
  row.found = message.found();
  row.base_path = message.base_path();
  return std::pair(*key, std::move(row));
}

absl::StatusOr<std::pair<uint16_t, LeaseKey>> ParsePortEntry(const RegistryEntry& entry) {
  uint32_t port = 0;
  if (!absl::SimpleAtoi(absl::StripPrefix(entry.key, kPortPrefix), &port) || port == 0 ||
      port > 65'535) {
    return BadRow(entry, "names no port");
  }
  ASSIGN_OR_RETURN(const absl::string_view content, UnsealRow(entry));
  std::optional<LeaseKey> owner = ParseName(content);
  if (!owner.has_value()) return BadRow(entry, "names no service");
  return std::pair(static_cast<uint16_t>(port), *std::move(owner));
}

}  // namespace tributary
