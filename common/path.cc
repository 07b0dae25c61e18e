#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace tributary {

absl::string_view DirName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::string_view BaseName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

std::string JoinPath(absl::string_view directory, absl::string_view name) {
  if (directory.empty()) return std::string(name);
  return directory.back() == '/' ? absl::StrCat(directory, name)
                                 : absl::StrCat(directory, "/", name);
}

}  // namespace tributary
