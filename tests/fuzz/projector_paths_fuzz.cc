// Configurations of the Projector: what one names lies inside the logdir, whatever it says.
//
// Input: the first line is the directory of the configuration, as a walk of the logdir would give
// it; the rest is its text.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "agent/side_files.h"
#include "common/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  if (line == absl::string_view::npos) return 0;
  const absl::string_view directory = input.substr(0, line);
  for (const absl::string_view part : absl::StrSplit(directory, '/')) {
    if (part == "." || part == "..") return 0;  // no walk gives that
  }
  std::string before;
  for (const std::string& path :
       tributary::agent::ProjectorPaths(input.substr(line + 1), directory)) {
    CHECK(!path.empty() && before < path, "empty, or twice: ", path);
    for (const absl::string_view part : absl::StrSplit(path, '/')) {
      CHECK(!part.empty() && part != "." && part != ".." &&
                part.find('\0') == absl::string_view::npos,
            "leads elsewhere: ", path);
    }
    before = path;
  }
  return 0;
}
