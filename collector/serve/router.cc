#include "collector/serve/router.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "collector/serve/json_value.h"
#include "common/check.h"

namespace tributary::serve {
namespace {

constexpr absl::string_view kExperiment = "/experiment/";
constexpr absl::string_view kBelow = "/ns/";
constexpr absl::string_view kAll = "/all";

// Takes `prefix` off what was sent, encoded or not.
bool ConsumeEncoded(absl::string_view prefix, absl::string_view* raw) {
  while (!prefix.empty()) {
    const size_t bytes = absl::StartsWith(*raw, "%") ? 3 : 1;
    const std::string decoded = http::PercentDecode(raw->substr(0, bytes));
    if (decoded.empty() || !absl::ConsumePrefix(&prefix, decoded)) return false;
    raw->remove_prefix(std::min(bytes, raw->size()));
  }
  return true;
}

// The same for whoever reads it, and safe in a header.
std::string Canonical(absl::string_view raw_path) {
  std::vector<std::string> segments;
  for (const absl::string_view segment : absl::StrSplit(raw_path, '/')) {
    segments.push_back(http::PercentEncode(http::PercentDecode(segment)));
  }
  return absl::StrJoin(segments, "/");
}

// False if there is a name space that is none.
bool ConsumeView(absl::string_view* rest, Location* location) {
  if (*rest == kAll || absl::StartsWith(*rest, absl::StrCat(kAll, "/"))) {
    rest->remove_prefix(kAll.size());
    location->view = Location::View::kAll;
  } else if (absl::ConsumePrefix(rest, kBelow)) {
    const size_t end = std::min(rest->find('/'), rest->size());
    location->view = Location::View::kBelow;
    location->name_space = http::PercentDecode(rest->substr(0, end));
    rest->remove_prefix(end);
    while (absl::EndsWith(location->name_space, "/")) location->name_space.pop_back();
    return !location->name_space.empty();
  }
  return true;
}

// Without the slashes before the last one of its beginning. Also keeps "//host" out of the places
// that we send a browser to.
absl::string_view OneSlash(absl::string_view path) {
  while (absl::StartsWith(path, "//")) path.remove_prefix(1);
  return path;
}

}  // namespace

std::optional<Location> Locate(absl::string_view raw_path, absl::string_view path_prefix) {
  Location location;
  raw_path = OneSlash(raw_path);
  absl::string_view rest = raw_path;
  if (!ConsumeEncoded(path_prefix, &rest)) return std::nullopt;
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  if (!ConsumeView(&rest, &location)) return std::nullopt;
  location.relative_root = "./";
  for (int i = 0; i < 2 && absl::StartsWith(rest, kExperiment); ++i) {
    const size_t end = std::min(rest.find('/', kExperiment.size()), rest.size());
    rest.remove_prefix(end);
    // Without a prefix stock TensorBoard says "./" here; the doubled path is how the page then
    // asks.
    if (!path_prefix.empty() || location.view != Location::View::kMain) {
      location.relative_root = i == 0 ? "../../" : absl::StrCat(location.relative_root, "../../");
    }
  }
  location.script_root = Canonical(raw_path.substr(0, raw_path.size() - rest.size()));
  const std::string decoded = http::PercentDecode(rest);
  rest = OneSlash(decoded);
  if (rest.size() > 1) absl::ConsumeSuffix(&rest, "/");
  location.path = std::string(rest);
  return location;
}

void Router::Add(std::string path, bool of_index, Answer answer) {
  const auto [place, added] =
      routes_.try_emplace(std::move(path), Route{std::move(answer), of_index});
  CHECK(added, "route ", place->first, " was added twice");
}

const Router::Route* Router::Find(absl::string_view path) const {
  const auto found = routes_.find(path);
  return found == routes_.end() ? nullptr : &found->second;
}

bool FeatureFlagsAreSound(const http::Request& request) {
  absl::string_view flags = request.Header("x-tensorboard-feature-flags");
  if (flags.empty()) flags = request.QueryValue("tensorBoardFeatureFlags").value_or("");
  if (flags.empty()) return true;
  const absl::StatusOr<JsonValue> value = ParseJson(flags);
  return value.ok() && value->kind == JsonValue::Kind::kObject;
}

}  // namespace tributary::serve
