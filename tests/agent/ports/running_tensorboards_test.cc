// Which info files are believed.
#include "agent/ports/running_tensorboards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/agent/ports/fake_ports.h"
#include "tests/support/temporary_directory.h"

namespace tributary::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RunningTensorboardsTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(JoinPath(directory_.path(), name)) << text;
  }
  // A TensorBoard of this test's user, as far as its file goes.
  void WriteInfo(int64_t pid, uint16_t port) {
    Write(absl::StrCat("pid-", pid, ".info"),
          absl::StrCat("{\"pid\": ", pid, ", \"port\": ", port, ", \"path_prefix\": \"\"}"));
  }
  std::vector<uint16_t> Find() {
    std::vector<uint16_t> found;
    for (const RunningTensorboard& one :
         FindRunningTensorboards(directory_.path(), RealFileSystem(), &ports_)) {
      EXPECT_EQ(one.owner_uid, geteuid());
      found.push_back(one.info.port);
    }
    return found;
  }

  TemporaryDirectory directory_;
  FakePorts ports_;
};

TEST_F(RunningTensorboardsTest, ThoseThatListen) {
  WriteInfo(12, 6007);
  WriteInfo(11, 6006);
  WriteInfo(10, 6008);  // its process is gone
  ports_.listeners = {{6006, {11, geteuid()}}, {6007, {12, geteuid()}}};
  EXPECT_THAT(Find(), ElementsAre(6006, 6007));
}

TEST_F(RunningTensorboardsTest, NotThoseOfAProcessThatIsNotTheOwners) {
  WriteInfo(11, 22);
  ports_.listeners = {{22, {11, geteuid() + 1}}};
  EXPECT_THAT(Find(), IsEmpty());
}

TEST_F(RunningTensorboardsTest, NotWhatAnotherFileSays) {
  const std::string elsewhere = JoinPath(directory_.path(), "elsewhere");
  std::ofstream(elsewhere) << R"({"pid": 11, "port": 6006})";
  ASSERT_EQ(symlink(elsewhere.c_str(), JoinPath(directory_.path(), "pid-11.info").c_str()), 0);
  Write("pid-12.info", R"({"pid": 11, "port": 6006})");
  ports_.listeners = {{6006, {11, geteuid()}}};
  EXPECT_THAT(Find(), IsEmpty());
}

TEST_F(RunningTensorboardsTest, WhatIsNoFileOfOneIsPassedOver) {
  ports_.listeners = {{6006, {11, geteuid()}}};
  ASSERT_EQ(mkfifo(JoinPath(directory_.path(), "pid-1.info").c_str(), 0600), 0);
  ASSERT_EQ(mkdir(JoinPath(directory_.path(), "pid-2.info").c_str(), 0700), 0);
  Write("pid-3.info", "");
  Write("pid-4.info", std::string(1u << 20, ' '));
  Write("notes", "x");
  EXPECT_THAT(Find(), IsEmpty());
  WriteInfo(11, 6006);
  EXPECT_THAT(Find(), ElementsAre(6006));
}

TEST_F(RunningTensorboardsTest, ADirectoryThatIsNotThere) {
  EXPECT_THAT(FindRunningTensorboards("/nowhere", RealFileSystem(), &ports_), IsEmpty());
}

TEST(TensorboardInfoDirectoryTest, IsThatOfPythonsTemporaryFiles) {
  std::map<std::string, std::string> variables;
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  EXPECT_EQ(TensorboardInfoDirectory(environment), "/tmp/.tensorboard-info");
  variables = {{"TMPDIR", ""}, {"TMP", "/t"}};
  EXPECT_EQ(TensorboardInfoDirectory(environment), "/t/.tensorboard-info");
  variables["TMPDIR"] = "/scratch/4711";
  EXPECT_EQ(TensorboardInfoDirectory(environment), "/scratch/4711/.tensorboard-info");
}

}  // namespace
}  // namespace tributary::agent
