#include "collector/inspect.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary {
namespace {

using ::testing::HasSubstr;

constexpr char kPath[] = "/logs/exp/events.out.tfevents.1767225600.h.1.0";

class InspectTest : public ::testing::Test {
 protected:
  int Run(bool json = false) {
    out_.str("");
    err_.str("");
    return RunInspect({.logdirs = {{"", "/logs"}}, .json = json}, {&files_, &clock_}, out_, err_);
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(InspectTest, MissingLogdir) {
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_.str(), HasSubstr("/logs"));
  EXPECT_EQ(out_.str(), "");
}

TEST_F(InspectTest, LogdirThatIsAFile) {
  files_.WriteFile("/logs", "x");
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_.str(), HasSubstr("not a directory"));
}

TEST_F(InspectTest, AFileThatCannotBeRead) {
  files_.WriteFile(kPath, EventFileBuilder().FileVersion().Build());
  files_.Inject({.call = FakeFileSystem::Call::kOpen,
                 .status = absl::PermissionDeniedError("permission denied"),
                 .times = FakeFileSystem::kForEver});
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_.str(), HasSubstr("permission denied"));
}

TEST_F(InspectTest, EmptyLogdir) {
  ASSERT_TRUE(files_.MakeDirectories("/logs").ok());
  EXPECT_EQ(Run(true), 0);
  EXPECT_EQ(out_.str(),
            "{\"runs\": [],\n \"damage\": [],\n \"bytes\": 0, \"seconds\": 0.000000}\n");
}

TEST_F(InspectTest, DamageIsNamedWithItsPlaceAndEndsWithThree) {
  EventFileBuilder builder;
  builder.FileVersion().Scalar("loss", Step(1), 1).Scalar("loss", Step(2), 1);
  const uint64_t bad = builder.record_offsets()[1];
  const uint64_t length = builder.record_offsets()[2] - bad;
  builder.FlipByte(bad + 15);
  files_.WriteFile(kPath, builder.Build());
  EXPECT_EQ(Run(true), 3);
  EXPECT_THAT(out_.str(),
              HasSubstr(absl::StrCat("{\"file\": \"exp/events.out.tfevents.1767225600.h.1.0\", "
                                     "\"offset\": ",
                                     bad, ", \"length\": ", length, ", \"cause\": \"data_crc\"}")));
  EXPECT_EQ(Run(), 3);
  EXPECT_THAT(out_.str(), HasSubstr(absl::StrCat("offset ", bad, "  length ", length)));
  EXPECT_THAT(out_.str(), HasSubstr(absl::StrCat("\n1 damaged place, ", length, " bytes\n")));
}

TEST_F(InspectTest, AnEmptyDirectoryHasNoEventFiles) {
  files_.MakeDirectories("/logs").IgnoreError();
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_.str(), HasSubstr("no event files"));
}

TEST_F(InspectTest, ZerosAreDamageAtOnce) {
  files_.WriteFile(kPath, EventFileBuilder().FileVersion().Zeros(100).FileVersion().Build());
  EXPECT_EQ(Run(true), 3);
  EXPECT_THAT(out_.str(), HasSubstr("\"cause\": \"zeros\""));
}

TEST_F(InspectTest, ATornTailIsNoDamage) {
  files_.WriteFile(
      kPath, EventFileBuilder().FileVersion().Scalar("loss", Step(1), 1).TruncatedBy(3).Build());
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_.str(), HasSubstr("bytes at ends of files, of records that are not whole yet"));
}

TEST_F(InspectTest, RunsTagsPointsAndSteps) {
  files_.WriteFile(kPath, EventFileBuilder()
                              .FileVersion()
                              .Scalar("say \"hi\"\n", Step(-3), 1)
                              .Scalar("say \"hi\"\n", Step(8), 1)
                              .Image("pic", Step(5), "png")
                              .Build());
  EXPECT_EQ(Run(true), 0);
  EXPECT_THAT(out_.str(), HasSubstr("{\"run\": \"exp\", \"tags\": ["));
  EXPECT_THAT(out_.str(), HasSubstr("{\"tag\": \"pic\", \"plugin\": \"images\", \"points\": 1, "
                                    "\"first_step\": 5, \"last_step\": 5}"));
  EXPECT_THAT(out_.str(), HasSubstr("{\"tag\": \"say \\\"hi\\\"\\u000a\", \"plugin\": \"scalars\", "
                                    "\"points\": 2, \"first_step\": -3, \"last_step\": 8}"));
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_.str(), HasSubstr("1 run, 2 series, 3 points, 4 records"));
  EXPECT_THAT(out_.str(), HasSubstr("2026-01-01 00:00:00"));
  EXPECT_THAT(out_.str(), HasSubstr("nothing is damaged"));
}

}  // namespace
}  // namespace tributary
