#include "agent/mounts.h"

#include <gtest/gtest.h>

namespace tributary::agent {
namespace {

constexpr char kTable[] =
    "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n"
    "40 22 0:35 / /home rw,relatime shared:20 - nfs4 server:/export/home rw,vers=4.2\n"
    "41 40 0:36 / /home/local rw - tmpfs tmpfs rw\n"
    "42 22 0:37 /sub /mnt/with\\040space rw - nfs server:/data rw\n"
    "43 22 0:38 / /scratch rw master:5 propagate_from:2 - lustre 10.0.0.1@o2ib:/scratch rw\n"
    "44 22 0:39 / /twice rw - ext4 /dev/a rw\n"
    "45 44 0:40 / /twice rw - nfs server:/b rw\n";

std::string Found(absl::string_view path) {
  const std::optional<NetworkPlace> place = MountTable(kTable).Find(path);
  return place.has_value() ? place->source + " " + place->path : "local";
}

TEST(MountTableTest, Malformed_LinesAreLeftOut) {
  EXPECT_FALSE(MountTable("").Find("/a").has_value());
  EXPECT_FALSE(MountTable("words\n\n1 2 3 4 5 6 7 8 9\n1 2 3 - 5\n- - - - - - - - -\n")
                   .Find("/a")
                   .has_value());
  EXPECT_TRUE(MountTable("broken\n1 0 0:1 / / rw - nfs s:/e rw\n").Find("/a").has_value());
}

TEST(MountTableTest, LocalFilesHaveNoPlace) {
  EXPECT_EQ(Found("/var/log"), "local");
  EXPECT_EQ(Found("/home/local/x"), "local");
}

TEST(MountTableTest, TheDeepestMountDecides) {
  EXPECT_EQ(Found("/home/ada/logs"), "server:/export/home /ada/logs");
  EXPECT_EQ(Found("/home"), "server:/export/home ");
  EXPECT_EQ(Found("/home/localhost"), "server:/export/home /localhost");
  EXPECT_EQ(Found("/homework"), "local");
  EXPECT_EQ(Found("/scratch/a"), "10.0.0.1@o2ib:/scratch /a");
}

TEST(MountTableTest, RootOfTheMountIsPartOfThePlace) {
  EXPECT_EQ(Found("/mnt/with space/a"), "server:/data /sub/a");
}

TEST(MountTableTest, TheLaterOfTwoMountsOnOnePointHidesTheEarlier) {
  EXPECT_EQ(Found("/twice/a"), "server:/b /a");
}

}  // namespace
}  // namespace tributary::agent
