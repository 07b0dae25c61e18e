#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "agent/doctor/machine.h"
#include "common/clock.h"
#include "common/descriptor.h"
#include "tests/support/temporary_directory.h"

namespace tributary::agent {
namespace {

class LinuxMachineTest : public ::testing::Test {
 protected:
  bool HasOpen(const std::string& path) {
    const auto files = machine_->OpenEventFiles();
    return std::any_of(files.begin(), files.end(), [&](const OpenEventFile& file) {
      return file.pid == ::getpid() && file.path == path;
    });
  }
  TemporaryDirectory directory_;
  const std::unique_ptr<Machine> machine_ = MakeLinuxMachine();
};

TEST_F(LinuxMachineTest, EventFilesThatAreOpenForWriting) {
  const std::string path = directory_.path() + "/events.out.tfevents.1.h.1.0";
  const std::string other = directory_.path() + "/train.log";
  const Descriptor log(::open(other.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  {
    const Descriptor written(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    EXPECT_TRUE(HasOpen(path));
    EXPECT_FALSE(HasOpen(other));
  }
  const Descriptor read(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(HasOpen(path));
}

TEST_F(LinuxMachineTest, ThisProcess) {
  const auto process = machine_->FindProcess(::getpid());
  ASSERT_TRUE(process.has_value());
  EXPECT_EQ(process->program, "doctor_machine_");  // as the kernel keeps it
  EXPECT_LE(process->started, RealClock()->Wall() + absl::Seconds(2));
  EXPECT_GE(process->started, RealClock()->Wall() - absl::Hours(1));
  EXPECT_FALSE(machine_->FindProcess(-1).has_value());
}

TEST_F(LinuxMachineTest, AZombieIsNoProcess) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(0);
  siginfo_t ended = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(machine_->FindProcess(child).has_value());
  ::waitpid(child, nullptr, 0);
}

TEST_F(LinuxMachineTest, WatchesOfThisUser) {
  const auto before = machine_->Inotify();
  if (!before.has_value()) GTEST_SKIP() << "this system tells nothing of inotify";
  EXPECT_GT(before->watches_max, 0u);
  const Descriptor inotify(::inotify_init1(IN_CLOEXEC));
  ASSERT_GE(inotify.get(), 0);
  ASSERT_GE(::inotify_add_watch(inotify.get(), directory_.path().c_str(), IN_CREATE), 0);
  const auto after = machine_->Inotify();
  // Others of this user may come and go.
  EXPECT_GE(after->instances, 1u);
  EXPECT_GE(after->watches, 1u);
}

}  // namespace
}  // namespace tributary::agent
