#include "collector/serve/static_assets.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "collector/serve/answers.h"
#include "collector/serve/csp.h"
#include "collector/serve/safe_html.h"
#include "common/eventfile/crc32c.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

constexpr uint64_t kFileBytesMax = 64u << 20;
constexpr int kLevelsMax = 8;

absl::StatusOr<std::string> ReadWhole(FileSystem* files, const std::string& path, uint64_t size) {
  if (size > kFileBytesMax) {
    return absl::ResourceExhaustedError(absl::StrCat(path, " is larger than ", kFileBytesMax));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, files->OpenReadable(path));
  std::string bytes(size, '\0');
  ASSIGN_OR_RETURN(const size_t read, file->ReadAt(0, absl::MakeSpan(bytes)));
  if (read != size) return absl::UnavailableError(absl::StrCat(path, " is being written"));
  return bytes;
}

bool IsJavaScript(absl::string_view content_type) {
  return absl::StartsWith(content_type, "text/javascript");
}

bool IsPage(absl::string_view route) { return absl::EndsWith(route, ".html"); }

// Pages name their fonts from the root of the host, which is wrong below a path prefix.
void FindFontsBelowPrefix(absl::string_view route, std::string* page) {
  std::string fonts = "url(";
  for (auto levels = std::count(route.begin(), route.end(), '/'); levels > 1; --levels) {
    absl::StrAppend(&fonts, "../");
  }
  *page = absl::StrReplaceAll(*page, {{"url(/font-roboto/", absl::StrCat(fonts, "font-roboto/")}});
}

}  // namespace

std::string ContentTypeOf(absl::string_view path) {
  constexpr std::array<std::pair<absl::string_view, absl::string_view>, 12> kTypes = {{
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".json", "application/json"},
      {".txt", "text/plain; charset=utf-8"},
      {".woff2", "font/woff2"},
      {".woff", "font/woff"},
      {".ttf", "font/ttf"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {"/LICENSE", "text/plain; charset=utf-8"},
  }};
  for (const auto& [ending, type] : kTypes) {
    if (absl::EndsWith(path, ending)) return std::string(type);
  }
  return "application/octet-stream";
}

bool HasCurrent(const http::Request& request, absl::string_view etag) {
  for (absl::string_view item : absl::StrSplit(request.Header("if-none-match"), ',')) {
    if (absl::StripAsciiWhitespace(item) == etag) return true;
  }
  return false;
}

absl::StatusOr<std::unique_ptr<StaticAssets>> StaticAssets::Load(FileSystem* files,
                                                                 const std::string& folder) {
  if (folder.empty()) return absl::NotFoundError("no folder with the UI is configured");
  auto assets = std::make_unique<StaticAssets>();
  RETURN_IF_ERROR(assets->LoadFolder(files, folder, "", 0));
  const auto index = assets->assets_.find("/index.html");
  if (index == assets->assets_.end()) {
    return absl::NotFoundError(absl::StrCat(folder, " holds no index.html"));
  }
  assets->index_html_ = std::move(index->second.bytes);
  assets->index_crc_ = Crc32c(assets->index_html_);
  assets->assets_.erase(index);
  return assets;
}

absl::Status StaticAssets::LoadFolder(FileSystem* files, const std::string& folder,
                                      const std::string& path, int level) {
  if (level == kLevelsMax) return absl::InvalidArgumentError(absl::StrCat(folder, " is too deep"));
  ASSIGN_OR_RETURN(std::vector<std::string> names, files->List(folder));
  for (const std::string& name : names) {
    if (absl::StartsWith(name, ".")) continue;  // the folder's own notes
    const std::string file = JoinPath(folder, name);
    std::string route = absl::StrCat(path, "/", name);
    ASSIGN_OR_RETURN(const FileStat stat, files->Stat(file));
    if (stat.is_directory) {
      RETURN_IF_ERROR(LoadFolder(files, file, route, level + 1));
      continue;
    }
    if (!stat.is_regular) continue;
    const bool is_gzip = absl::EndsWith(route, ".gz");
    if (is_gzip) route.resize(route.size() - 3);
    // Pages are changed before they are sent; of the others the compressed form suffices.
    if (IsPage(route) ? is_gzip
                      : !is_gzip && std::find(names.begin(), names.end(),
                                              absl::StrCat(name, ".gz")) != names.end()) {
      continue;
    }
    Asset asset;
    ASSIGN_OR_RETURN(asset.bytes, ReadWhole(files, file, stat.size_bytes));
    if (IsPage(route)) FindFontsBelowPrefix(route, &asset.bytes);
    asset.content_type = ContentTypeOf(route);
    asset.is_gzip = is_gzip;
    // Weak: the bytes may be sent with or without compression.
    asset.etag = absl::StrFormat("W/\"%x-%08x\"", asset.bytes.size(), Crc32c(asset.bytes));
    assets_.insert_or_assign(std::move(route), std::move(asset));
  }
  return absl::OkStatus();
}

std::optional<http::Response> StaticAssets::Answer(const http::Request& request,
                                                   const Location& location) const {
  if (location.path == "/" || location.path == "/index.html") return IndexPage(request, location);
  const auto found = assets_.find(location.path);
  if (found == assets_.end()) return std::nullopt;
  const Asset& asset = found->second;
  http::Response response;
  const bool hash_in_name = !request.QueryValue("_file_hash").value_or("").empty();
  const bool is_font = absl::StartsWith(asset.content_type, "font/");
  if ((hash_in_name && IsJavaScript(asset.content_type)) || is_font) {
    response.headers.emplace_back("Cache-Control", "private, max-age=86400");
  } else {
    ForbidReuse(&response);
  }
  response.headers.emplace_back("ETag", asset.etag);
  if (HasCurrent(request, asset.etag)) {
    response.status = 304;
    return response;
  }
  response.content_type = asset.content_type;
  // A page other than the first one is a plugin's, in a frame of its own.
  if (absl::StartsWith(asset.content_type, "text/html")) {
    response.headers.emplace_back("Content-Security-Policy", kPluginPagePolicy);
  }
  response.body = asset.bytes;
  response.body_is_gzip = asset.is_gzip;
  return response;
}

http::Response StaticAssets::IndexPage(const http::Request& request,
                                       const Location& location) const {
  http::Response response;
  const std::string etag =
      absl::StrFormat("W/\"%08x-%x\"", index_crc_, location.relative_root.size());
  ForbidReuse(&response);
  response.headers.emplace_back("ETag", etag);
  response.headers.emplace_back("Content-Security-Policy", kUiPolicy);
  response.headers.emplace_back("Referrer-Policy", "same-origin");
  if (HasCurrent(request, etag)) {
    response.status = 304;
    return response;
  }
  response.content_type = "text/html; charset=utf-8";
  // As stock TensorBoard does; the page finds its data by it.
  response.body = absl::StrCat("<!doctype html><meta name=\"tb-relative-root\" content=\"",
                               location.relative_root, "\">", index_html_);
  return response;
}

http::Response StaticAssets::MissingPage(const absl::Status& why) {
  http::Response response;
  response.content_type = "text/html; charset=utf-8";
  ForbidReuse(&response);
  response.headers.emplace_back("Content-Security-Policy", kTextPolicy);
  response.body = absl::StrCat(
      "<!doctype html><html lang=\"en\"><title>Tributary</title><h1>Tributary</h1>"
      "<p>The collector runs and its data is served, but the TensorBoard page is not installed: ",
      EscapeHtml(why.message()),
      "</p><p>Run <code>deploy/webfiles/fetch DIRECTORY</code> in the source tree, or "
      "<code>deploy/webfiles/fetch DIRECTORY WHEEL</code> with a tensorboard wheel you "
      "have, "
      "and start the collector with <code>--webfiles DIRECTORY</code>.</p>"
      "<p>Until then: <a href=\"data/runs\">data/runs</a>, "
      "<a href=\"api/v1/cluster\">api/v1/cluster</a>.</p></html>\n");
  return response;
}

}  // namespace tributary::serve
