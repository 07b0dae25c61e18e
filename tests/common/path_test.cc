#include "common/file.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

TEST(PathTest, CleanPathHasOneForm) {
  EXPECT_EQ(CleanPath("/a/b"), "/a/b");
  EXPECT_EQ(CleanPath("/a//b/./c/"), "/a/b/c");
  EXPECT_EQ(CleanPath("a/"), "a");
  EXPECT_EQ(CleanPath("./a"), "a");
  EXPECT_EQ(CleanPath("/a/../b"), "/a/../b");
  EXPECT_EQ(CleanPath("/"), "/");
  EXPECT_EQ(CleanPath("//"), "/");
  EXPECT_EQ(CleanPath("."), ".");
  EXPECT_EQ(CleanPath(""), ".");
}

TEST(PathTest, CleanPathIsMetOnTheWayUp) {
  for (const char* top : {"/a/b", "/", "a", "."}) {
    std::string directory = JoinPath(JoinPath(CleanPath(top), "x"), "y");
    for (int i = 0; i < 2; ++i) directory = std::string(DirName(directory));
    EXPECT_TRUE(directory == top || JoinPath(".", directory) == top) << top << ": " << directory;
  }
}

}  // namespace
}  // namespace tributary
