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

std::string CleanPath(absl::string_view path) {
  std::string clean = path.empty() || path[0] != '/' ? "" : "/";
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const absl::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") clean = JoinPath(clean, part);
    path = slash == absl::string_view::npos ? "" : path.substr(slash + 1);
  }
  return clean.empty() ? "." : clean;
}

}  // namespace tributary
