#include "agent/connect_error.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace tributary::agent {
namespace {

constexpr absl::string_view kLastError = "last error: ";

}  // namespace

std::string ConnectError(absl::string_view grpc_text) {
  if (absl::StartsWith(grpc_text, "DNS resolution failed")) {
    const size_t colon = grpc_text.rfind(": ");
    if (colon == absl::string_view::npos) return "the name cannot be resolved";
    return absl::StrCat("the name cannot be resolved", grpc_text.substr(colon));
  }
  const size_t last = grpc_text.find(kLastError);
  if (last == absl::string_view::npos) return std::string(grpc_text);
  absl::string_view reason = grpc_text.substr(last + kLastError.size());
  for (const absl::string_view status : {"UNKNOWN: ", "UNAVAILABLE: "}) {
    absl::ConsumePrefix(&reason, status);
  }
  if (!absl::ConsumePrefix(&reason, "ipv4:")) absl::ConsumePrefix(&reason, "ipv6:");
  return absl::StrReplaceAll(
      reason, {{"Failed to connect to remote host: ", ""}, {"%5B", "["}, {"%5D", "]"}});
}

}  // namespace tributary::agent
