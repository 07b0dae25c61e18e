#include "agent/admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AdminBoardTest : public ::testing::Test {
 protected:
  AdminBoardTest() {
    files_.MakeDirectories("/logs").IgnoreError();
    progress_.state = SessionState::kStreaming;
  }
  std::string Body(const std::string& path) { return board_.Answer("GET", path).body; }
  int Status(const std::string& path) { return board_.Answer("GET", path).status; }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  AdminBoard board_{
      {{.name = "", .path = "/logs"}, {.name = "x", .path = "/late"}}, "1.2.3", &files_, &clock_};
  Progress progress_;
};

TEST_F(AdminBoardTest, OnlyThreePagesAndOnlyReading) {
  EXPECT_EQ(Status("/"), 404);
  EXPECT_EQ(Status("/healthz/"), 404);
  EXPECT_EQ(board_.Answer("POST", "/healthz").status, 405);
  EXPECT_EQ(board_.Answer("DELETE", "/x").status, 405);
  EXPECT_EQ(board_.Answer("HEAD", "/healthz").status, 200);
}

TEST_F(AdminBoardTest, BeforeTheFirstSnapshotItIsHealthyAndNotReady) {
  EXPECT_EQ(Status("/healthz"), 200);
  EXPECT_EQ(Status("/readyz"), 503);
  EXPECT_THAT(Body("/readyz"), HasSubstr("collector: waiting"));
}

TEST_F(AdminBoardTest, AThreadThatIsSilentForMoreThanAMinuteIsNotHealthy) {
  board_.Update(progress_);
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Status("/healthz"), 200);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Status("/healthz"), 503);
  EXPECT_THAT(Body("/healthz"), HasSubstr("61 s"));
  board_.Update(progress_);
  EXPECT_EQ(Status("/healthz"), 200);
}

TEST_F(AdminBoardTest, ReadyNamesEachThingThatIsMissing) {
  progress_.state = SessionState::kConnecting;
  progress_.last_error = "connection refused";
  board_.Update(progress_);
  EXPECT_EQ(Status("/readyz"), 503);
  EXPECT_EQ(Body("/readyz"),
            "collector: connecting: connection refused\nlogdir /late: not there\n");
  progress_.state = SessionState::kStreaming;
  progress_.last_error.clear();
  board_.Update(progress_);
  EXPECT_EQ(Body("/readyz"), "logdir /late: not there\n");
  files_.MakeDirectories("/late").IgnoreError();
  board_.Update(progress_);
  EXPECT_EQ(Status("/readyz"), 200);
  EXPECT_EQ(Body("/readyz"), "ready\n");
}

TEST_F(AdminBoardTest, UnreadableFilesAreToldAndDoNotStopTheRest) {
  files_.MakeDirectories("/late").IgnoreError();
  progress_.files_unreadable = 2;
  progress_.directories_unlisted = 3;
  progress_.directory_error = "/logs/a: Permission denied";
  progress_.tailer_status = "inotify: no more watches";
  board_.Update(progress_);
  EXPECT_EQ(Status("/readyz"), 200);
  EXPECT_EQ(Body("/readyz"),
            "ready\nfiles that cannot be read: 2\n"
            "directories that cannot be listed: 3, /logs/a: Permission denied\n"
            "inotify: no more watches\n");
  EXPECT_THAT(Body("/metrics"), HasSubstr("\ntributary_agent_directories_unlisted 3\n"));
}

TEST_F(AdminBoardTest, MetricsFollowTheProgress) {
  progress_.files = 3;
  progress_.bytes_on_disk = 300;
  progress_.bytes_durable = 200;
  progress_.sent_bytes_total = 250;
  progress_.lag = absl::Milliseconds(1500);
  board_.Update(progress_);
  const AdminAnswer answer = board_.Answer("GET", "/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.content_type, HasSubstr("text/plain; version=0.0.4"));
  for (const char* line :
       {"\ntributary_agent_connected 1\n", "\ntributary_agent_files 3\n",
        "\ntributary_agent_file_bytes 300\n", "\ntributary_agent_durable_bytes 200\n",
        "\ntributary_agent_sent_bytes_total 250\n", "\ntributary_agent_lag_seconds 1.5\n",
        "\ntributary_agent_logdirs_missing 1\n", "version=\"1.2.3\""}) {
    EXPECT_THAT(answer.body, HasSubstr(line));
  }
}

TEST_F(AdminBoardTest, CountersNeverGoBack) {
  progress_.sent_bytes_total = 250;
  board_.Update(progress_);
  progress_.sent_bytes_total = 100;
  board_.Update(progress_);
  EXPECT_THAT(Body("/metrics"), HasSubstr("\ntributary_agent_sent_bytes_total 250\n"));
  progress_.sent_bytes_total = 260;
  progress_.state = SessionState::kWaiting;
  board_.Update(progress_);
  EXPECT_THAT(Body("/metrics"), HasSubstr("\ntributary_agent_sent_bytes_total 260\n"));
  EXPECT_THAT(Body("/metrics"), HasSubstr("\ntributary_agent_connected 0\n"));
}

}  // namespace
}  // namespace tributary::agent
