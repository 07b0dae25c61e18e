// A directory on the real disk that goes away with the test.
#ifndef TRIBUTARY_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
#define TRIBUTARY_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "common/check.h"

namespace tributary {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* parent = std::getenv("TMPDIR");
    path_ = std::string(parent != nullptr ? parent : "/tmp") + "/tributary-test-XXXXXX";
    CHECK(mkdtemp(path_.data()) != nullptr, path_);
  }
  ~TemporaryDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  // A path below it.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
