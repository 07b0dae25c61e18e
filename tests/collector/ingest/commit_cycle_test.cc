// When bytes are called durable, and when not.
#include <gtest/gtest.h>

#include "tests/collector/ingest/ingest_site.h"
#include "tests/support/event_file_builder.h"

namespace tributary {
namespace {

using ingest::v1::CollectorMessage;

class CommitCycleTest : public ::testing::Test {
 protected:
  CommitCycleTest() {
    site_.Start();
    site_.Pass(absl::Seconds(1));
    site_.store.commits = 0;
  }
  IngestSite site_;
};

TEST_F(CommitCycleTest, NoDurableAckBeforeTheCommitReturned) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  site_.commit_frozen = true;
  agent.Send(1, 0, "bytes");
  site_.Pass(absl::Seconds(5));
  EXPECT_EQ(agent.Received(1), 5u);
  EXPECT_EQ(agent.Durable(1), 0u);
  site_.commit_frozen = false;
  site_.Run();
  EXPECT_EQ(agent.Durable(1), 5u);
}

TEST_F(CommitCycleTest, ASingleFlushIsDurableAtOnce) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  agent.Send(1, 0, "bytes");  // no time passes
  EXPECT_EQ(agent.Durable(1), 5u);
  EXPECT_EQ(site_.store.commits, 1);
}

TEST_F(CommitCycleTest, ManyFlushesShareACycleOf200Milliseconds) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  for (uint64_t i = 0; i < 100; ++i) {
    agent.Send(1, i, "x");
    site_.clock.Advance(absl::Milliseconds(10));
  }
  site_.Pass(absl::Milliseconds(300));
  EXPECT_EQ(agent.Durable(1), 100u);
  EXPECT_GE(site_.store.commits, 4);
  EXPECT_LE(site_.store.commits, 7);
}

TEST_F(CommitCycleTest, NothingIsCommittedWhileNothingIsDirty) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  agent.Send(1, 0, "bytes");
  const int commits = site_.store.commits;
  for (int i = 0; i < 10; ++i) {
    agent.Beat();
    site_.Pass(absl::Seconds(1));
  }
  EXPECT_EQ(site_.store.commits, commits);
}

TEST_F(CommitCycleTest, Fault10_WithoutSpaceTheNotesAreGivenAgain) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  site_.store.commit_error = absl::ResourceExhaustedError("no space for the registry");
  agent.Send(1, 0, "bytes");
  EXPECT_EQ(agent.Durable(1), 0u);
  site_.Pass(absl::Seconds(3));
  EXPECT_EQ(agent.Durable(1), 0u);
  EXPECT_GE(site_.store.commits, 2);
  EXPECT_EQ(site_.store.notes_of_commits.back(), 1u);
  site_.store.commit_error = absl::OkStatus();
  site_.Pass(absl::Seconds(2));
  EXPECT_EQ(agent.Durable(1), 5u);
  EXPECT_TRUE(site_.fatal.ok());
}

TEST_F(CommitCycleTest, Fault10_NotesDoNotPileUpWhileThereIsNoRoomForThem) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  site_.store.commit_error = absl::ResourceExhaustedError("no space for the registry");
  for (uint64_t i = 0; i < 1000; ++i) {
    agent.Send(1, i, "x");
    site_.Pass(absl::Seconds(1));
  }
  EXPECT_GE(site_.store.commits, 900);
  EXPECT_EQ(site_.store.notes_of_commits.back(), 1u);
  site_.store.commit_error = absl::OkStatus();
  site_.Pass(absl::Seconds(2));
  EXPECT_EQ(agent.Durable(1), 1000u);
}

TEST_F(CommitCycleTest, Fault9_AnyOtherErrorOfTheRegistryEndsTheProcessAndAcknowledgesNothing) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  site_.store.commit_error = absl::InternalError("EIO");
  agent.Send(1, 0, "bytes");
  EXPECT_FALSE(site_.fatal.ok());
  site_.store.commit_error = absl::OkStatus();
  agent.Send(1, 5, "more");
  site_.Pass(absl::Seconds(5));
  EXPECT_EQ(agent.Durable(1), 0u);
  EXPECT_EQ(site_.store.commits, 1);
  bool done = false;
  site_.ingest->Stop("fatal", [&done] { done = true; });
  site_.Run();
  EXPECT_TRUE(done);
}

TEST_F(CommitCycleTest, Fault9_ASealedStreamIsAskedForAgainAndIndexedAnew) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(1), 1.0f);
  const std::string first = file.Build();
  agent.Send(1, 0, first);
  ASSERT_EQ(agent.Durable(1), first.size());
  site_.Pass(absl::Seconds(1));

  const std::string all = file.Scalar("loss", Step(2), 2.0f).Build();
  site_.store.Find("node07", "a.tfevents")->seal_next_ = true;
  agent.Send(1, first.size(), all.substr(first.size()));
  site_.Pass(absl::Seconds(1));
  ASSERT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_STORE_LOST);
  EXPECT_EQ(agent.Last(&CollectorMessage::has_refusal)->refusal().wanted_offset(), first.size());
  EXPECT_EQ(agent.Durable(1), first.size());
  // What is on its way is dropped until the stream is opened again.
  agent.Send(1, all.size(), "later");
  EXPECT_EQ(site_.store.Find("node07", "a.tfevents")->received(), first.size());

  EXPECT_EQ(agent.Open(1, "a.tfevents").offset(), first.size());
  agent.Send(1, first.size(), all.substr(first.size()));
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(agent.Durable(1), all.size());
  Index::ScalarQuery query;
  const auto points = site_.index->ReadScalars(RunName("node07/run"), Tag("loss"), query);
  ASSERT_TRUE(points.ok());
  EXPECT_EQ(points->steps, (std::vector<int64_t>{1, 2}));
}

TEST_F(CommitCycleTest, Fault22_DurableOfAnEarlierGenerationIsNotToldForTheNext) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  site_.commit_frozen = true;
  agent.Send(1, 0, "old generation");
  ScriptedAgent::Message message;
  message.mutable_new_generation()->set_stream(1);
  agent.Say(std::move(message));
  site_.commit_frozen = false;
  site_.Pass(absl::Seconds(1));
  for (const auto& sent : agent.peer()->messages) {
    for (const auto& mark : sent.acks().durable()) {
      EXPECT_FALSE(mark.generation() == 1 && mark.offset() > 0);
    }
  }
  EXPECT_EQ(site_.store.Find("node07", "a.tfevents")->generation(), Generation(1));
}

}  // namespace
}  // namespace tributary
