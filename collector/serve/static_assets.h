// The stock UI: files that were unpacked and compressed when the program was set up.
#ifndef TRIBUTARY_COLLECTOR_SERVE_STATIC_ASSETS_H_
#define TRIBUTARY_COLLECTOR_SERVE_STATIC_ASSETS_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/serve/router.h"
#include "common/file.h"
#include "common/http/message.h"

namespace tributary::serve {

// All files are read once and kept, compressed where `<file>.gz` lies beside them: some 5 MB.
// Constant after Load; then thread-safe.
class StaticAssets {
 public:
  // Reads the folder and those below it. An error if it holds no index.html or a file cannot be
  // read; the server works without it, see MissingPage.
  static absl::StatusOr<std::unique_ptr<StaticAssets>> Load(FileSystem* files,
                                                            const std::string& folder);

  // Whether there is a file of this path below the root.
  bool Has(absl::string_view path) const { return assets_.contains(path); }
  // The answer for a path below the root ("/", "/index.js", ...), nullopt if there is no such file.
  std::optional<http::Response> Answer(const http::Request& request,
                                       const Location& location) const;

  // What "/" shows instead of the UI: how to get it, and why it is not there.
  static http::Response MissingPage(const absl::Status& why);

 private:
  struct Asset {
    std::string content_type;
    std::string bytes;
    bool is_gzip = false;
    std::string etag;
  };

  absl::Status LoadFolder(FileSystem* files, const std::string& folder, const std::string& path,
                          int level);
  http::Response IndexPage(const http::Request& request, const Location& location) const;

  absl::flat_hash_map<std::string, Asset> assets_;  // by path
  std::string index_html_;
  uint32_t index_crc_ = 0;
};

// By the ending of the path.
std::string ContentTypeOf(absl::string_view path);

// Whether the client has what `etag` names already.
bool HasCurrent(const http::Request& request, absl::string_view etag);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_STATIC_ASSETS_H_
