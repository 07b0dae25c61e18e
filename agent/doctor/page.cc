#include "agent/doctor/page.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/doctor/http_answer.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

constexpr int kGood = 200;
constexpr int kNotFound = 404;
constexpr int kMisdirected = 421;

absl::Status WalkThere(const Target& target, const Senses& senses, Evidence* evidence) {
  for (const LayerCheck check : {CheckProxy, CheckResolution, CheckTcp}) {
    const Finding finding = check(target, senses, evidence);
    if (finding.state == LayerState::kFails) {
      return absl::UnavailableError(
          absl::StrCat(finding.layer, ": ", finding.found, "; ", finding.fix));
    }
  }
  return absl::OkStatus();
}

// The whole answer on `connection` to a request by the name `authority`.
absl::StatusOr<HttpAnswer> Get(Connection* connection, const std::string& authority,
                               const std::string& path, const std::string& version,
                               size_t bytes_max) {
  const absl::StatusOr<std::string> bytes =
      Ask(connection, GetRequest(authority, path, version), {.bytes_max = bytes_max});
  std::optional<HttpAnswer> answer = bytes.ok() ? ParseHttpAnswer(*bytes) : std::nullopt;
  if (!answer.has_value()) {
    return absl::UnavailableError(
        absl::StrCat(authority, " gives no answer of HTTP/1",
                     bytes.ok() ? "" : absl::StrCat(" (", bytes.status().message(), ")"),
                     "; tributary-agent doctor tells what is between"));
  }
  if (bytes->size() >= bytes_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat(authority, " answers with more than ", HumanBytes(bytes_max), " to ", path));
  }
  if (!answer->whole) {
    return absl::UnavailableError(absl::StrCat(authority, " breaks off its answer to ", path));
  }
  return *std::move(answer);
}

}  // namespace

absl::StatusOr<Page> FetchPage(const Target& target, const Senses& senses, const std::string& path,
                               size_t bytes_max) {
  Evidence evidence;
  RETURN_IF_ERROR(WalkThere(target, senses, &evidence));
  std::string authority = TargetText(target);
  ASSIGN_OR_RETURN(HttpAnswer answer,
                   Get(evidence.connection.get(), authority, path, target.own_version, bytes_max));
  if (answer.status == kMisdirected && evidence.endpoint.has_value()) {
    // It does not know that name as its own. An address always is one.
    authority = EndpointText(*evidence.endpoint);
    ASSIGN_OR_RETURN(const std::unique_ptr<Connection> again,
                     senses.network->Connect(*evidence.endpoint, target.timeout));
    ASSIGN_OR_RETURN(answer, Get(again.get(), authority, path, target.own_version, bytes_max));
  }
  if (answer.status == kNotFound) {
    return absl::NotFoundError(absl::StrCat(authority, " has no ", path));
  }
  if (answer.status != kGood) {
    constexpr size_t kShownMax = 200;
    return absl::InternalError(absl::StrCat(authority, " answers ", answer.status, " to ", path,
                                            ": ", Printable(answer.body.substr(0, kShownMax))));
  }
  return Page{std::move(answer.body), std::move(authority)};
}

}  // namespace tributary::agent
