#include "collector/serve/router.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "collector/serve/json_value.h"
#include "common/check.h"

namespace tributary::serve {
namespace {

constexpr absl::string_view kExperiment = "/experiment/";

}  // namespace

std::optional<Location> Locate(absl::string_view path, absl::string_view path_prefix) {
  Location location;
  absl::string_view rest = path;
  if (!absl::ConsumePrefix(&rest, path_prefix)) return std::nullopt;
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  location.relative_root = "./";
  for (int i = 0; i < 2 && absl::StartsWith(rest, kExperiment); ++i) {
    const size_t end = std::min(rest.find('/', kExperiment.size()), rest.size());
    rest.remove_prefix(end);
    // Without a prefix stock TensorBoard says "./" here; the doubled path is how the page then
    // asks.
    if (!path_prefix.empty()) {
      location.relative_root = i == 0 ? "../../" : absl::StrCat(location.relative_root, "../../");
    }
  }
  location.script_root = std::string(path.substr(0, path.size() - rest.size()));
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
