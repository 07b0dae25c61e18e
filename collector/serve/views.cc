#include "collector/serve/views.h"

#include <algorithm>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"

namespace tributary::serve {
namespace {

constexpr int64_t kNameSpacesMax = 10'000;
constexpr int64_t kNameSpacesDefault = 1'000;

struct NameSpace {
  uint64_t runs = 0;
  double newest_time = 0;
};

// By their component below `below`.
std::map<std::string, NameSpace> Gather(const Index& index, const std::string& below) {
  std::map<std::string, NameSpace> found;
  for (const RunOverview& run : index.Overview(below)) {
    absl::string_view name = run.name.value();
    if (run.hidden || run.shown == 0 || name == "." || name == below) continue;
    if (!below.empty()) name.remove_prefix(below.size() + 1);
    NameSpace& entry = found[std::string(name.substr(0, name.find('/')))];
    entry.runs += run.shown;
    entry.newest_time = std::max(entry.newest_time, run.newest_time);
  }
  return found;
}

}  // namespace

std::string UrlOfAll(absl::string_view path_prefix) { return absl::StrCat(path_prefix, "/all/"); }

std::string UrlOfNameSpace(absl::string_view path_prefix, absl::string_view name_space) {
  return absl::StrCat(path_prefix, "/ns/", http::PercentEncode(name_space), "/");
}

http::Response ViewsAnswer(const Index& index, const MainView::Snapshot& main, uint64_t runs_max,
                           absl::string_view path_prefix, const Location& at) {
  const bool is_main = at.view == Location::View::kMain;
  const uint64_t total = main.reader != nullptr ? main.runs_total : index.Runs().size();
  const uint64_t left_out = is_main ? main.left_out : 0;
  JsonWriter writer;
  writer.BeginObject();
  writer.Key("view");
  writer.String(is_main ? "main" : at.view == Location::View::kAll ? "all" : "namespace");
  writer.Key("namespace");
  writer.String(at.name_space);
  for (const auto& [key, value] :
       {std::pair("runs_max", runs_max), std::pair("runs_total", total),
        std::pair("runs_shown",
                  at.view == Location::View::kBelow ? at.index->Runs().size() : total - left_out),
        std::pair("left_out", left_out)}) {
    writer.Key(key);
    writer.Uint(value);
  }
  writer.Key("all");
  writer.String(UrlOfAll(path_prefix));
  writer.EndObject();
  return JsonAnswer(&writer);
}

http::Response NameSpacesAnswer(const Index& index, absl::string_view path_prefix,
                                const http::Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");
  const absl::StatusOr<int64_t> limit =
      BoundedParameter(request, "limit", {1, kNameSpacesMax, kNameSpacesDefault});
  if (!limit.ok()) return ErrorAnswer(limit.status());
  const std::string below(request.QueryValue("below").value_or(""));
  const std::map<std::string, NameSpace> found = Gather(index, below);
  const std::optional<absl::string_view> after = request.QueryValue("after");
  auto entry = after.has_value() ? found.upper_bound(std::string(*after)) : found.begin();
  JsonWriter writer;
  writer.BeginObject();
  writer.Key("namespaces");
  writer.BeginArray();
  std::string last;
  for (int64_t left = *limit; entry != found.end() && left > 0; ++entry, --left) {
    const std::string name = below.empty() ? entry->first : absl::StrCat(below, "/", entry->first);
    writer.BeginObject();
    writer.Key("name");
    writer.String(name);
    writer.Key("runs");
    writer.Uint(entry->second.runs);
    writer.Key("newest_time");
    writer.Double(entry->second.newest_time);
    writer.Key("url");
    writer.String(UrlOfNameSpace(path_prefix, name));
    writer.EndObject();
    last = entry->first;
  }
  writer.EndArray();
  if (entry != found.end()) {
    writer.Key("next");
    writer.String(last);
  }
  writer.EndObject();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
