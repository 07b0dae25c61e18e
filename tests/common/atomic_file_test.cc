#include "common/atomic_file.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary {
namespace {

using Call = FakeFileSystem::Call;
using ::testing::AnyOf;
using ::testing::ElementsAre;

class AtomicFileTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  FakeFileSystem files_{&clock_};
};

TEST_F(AtomicFileTest, Write_IsDurableWhenItReturns) {
  files_.WriteFile("/d/file", "old");
  files_.SyncAll();
  ASSERT_TRUE(WriteFileAtomically(&files_, "/d/file", "new").ok());
  files_.CrashLosingAll();
  EXPECT_EQ(*files_.ReadFile("/d/file"), "new");
  EXPECT_THAT(files_.Files("/"), ElementsAre("/d/file"));
}

TEST_F(AtomicFileTest, Write_NameWithoutDirectoryAndEmptyContent) {
  ASSERT_TRUE(WriteFileAtomically(&files_, "file", "").ok());
  EXPECT_EQ(*files_.ReadFile("file"), "");
}

TEST_F(AtomicFileTest, Write_OverwritesWhatACrashLeft) {
  files_.WriteFile("/file.tmp", "something longer than the content");
  ASSERT_TRUE(WriteFileAtomically(&files_, "/file", "new").ok());
  EXPECT_EQ(*files_.ReadFile("/file"), "new");
}

// The machine crashes before each call in turn, under many choices of what it keeps.
TEST_F(AtomicFileTest, Crash_AtEveryStepLeavesOldOrNew) {
  constexpr int kSteps = 6;  // open, truncate, write, sync, rename, sync of the directory
  for (int step = 0; step <= kSteps; ++step) {
    for (uint64_t seed = 0; seed < 40; ++seed) {
      FakeFileSystem files(&clock_);
      files.WriteFile("/file", "old content");
      files.SyncAll();
      int calls = 0;
      files.SetInterceptor([&calls, step](Call, const std::string&) -> absl::Status {
        return calls++ < step ? absl::OkStatus() : absl::InternalError("power is off");
      });
      const bool done = WriteFileAtomically(&files, "/file", "new").ok();
      EXPECT_EQ(done, step == kSteps);
      files.SetInterceptor(nullptr);
      SeededRandom random(seed);
      files.Crash(&random);
      const std::string content = files.ReadFile("/file").value_or("(missing)");
      ASSERT_THAT(content, AnyOf("old content", "new")) << "step " << step << " seed " << seed;
      if (done) {
        ASSERT_EQ(content, "new");
      }
    }
  }
}

TEST_F(AtomicFileTest, Errors_BeforeTheRenameKeepTheOldAndLeaveNothing) {
  for (const Call call : {Call::kOpen, Call::kTruncate, Call::kWrite, Call::kSync, Call::kRename}) {
    files_.WriteFile("/file", "old");
    files_.Inject({.call = call, .status = absl::ResourceExhaustedError("No space left")});
    EXPECT_EQ(WriteFileAtomically(&files_, "/file", "new").code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(*files_.ReadFile("/file"), "old");
    EXPECT_THAT(files_.Files("/"), ElementsAre("/file"));
  }
}

TEST_F(AtomicFileTest, Errors_OfTheDirectorySyncAreReturned) {
  files_.Inject(
      {.call = Call::kSyncDirectory, .status = absl::InternalError("Input/output error")});
  EXPECT_EQ(WriteFileAtomically(&files_, "/file", "new").code(), absl::StatusCode::kInternal);
}

TEST_F(AtomicFileTest, Read_WholeFileUpToItsLimit) {
  const std::string content(200'000, 'x');
  files_.WriteFile("/file", content);
  EXPECT_EQ(*ReadWholeFile(&files_, "/file", 200'000), content);
  EXPECT_EQ(ReadWholeFile(&files_, "/file", 199'999).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadWholeFile(&files_, "/no", 1).status().code(), absl::StatusCode::kNotFound);
  files_.WriteFile("/empty", "");
  EXPECT_EQ(*ReadWholeFile(&files_, "/empty", 0), "");
}

}  // namespace
}  // namespace tributary
