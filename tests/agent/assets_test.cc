// Side files, from the disk of the node to a collector that follows the protocol.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/eventfile/crc32c.h"
#include "tests/agent/agent_harness.h"

namespace tributary::agent {
namespace {

using ingest::v1::AgentMessage;
using ::testing::HasSubstr;

constexpr char kConfig[] = "run/projector_config.pbtxt";
constexpr char kTrace[] = "run/plugins/profile/1/host.xplane.pb";
constexpr char kText[] = R"(embeddings { tensor_name: "t" tensor_path: "0/t.tsv" })";

class AssetsTest : public AgentHarness {
 protected:
  FakeCollector::Mirror& Kept(const std::string& path) { return collector_.mirror(path); }
  // Written long ago.
  void WriteOld(const std::string& path, absl::string_view bytes) {
    Write(path, bytes);
    files_.SetModified("/logs/" + path, clock_.Wall() - absl::Hours(1));
  }
  size_t Parts() { return static_cast<size_t>(collector_.Count(AgentMessage::kAssetPart)); }
  int Said(absl::string_view part) const {
    const std::vector<std::string> lines = log_.lines();
    return static_cast<int>(std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return absl::StrContains(line, part);
    }));
  }
  void StartDrain() {
    agent_->StartDrain();
    Settle();
  }
  bool Drained() { return agent_->outcome().has_value(); }
};

// What is taken.

TEST_F(AssetsTest, DeliversPluginFilesAndTheProjectorsWithWhatItNames) {
  WriteOld(kFile, File(1));
  WriteOld(kConfig, kText);
  WriteOld("run/0/t.tsv", "1\t2\n");
  WriteOld("run/0/other.tsv", "not named");
  WriteOld(kTrace, std::string(100'000, 'x'));
  WriteOld("plugins/at/root", "r");
  WriteOld("run/checkpoint", "no side file");
  StartAgent();
  RunFor(absl::Seconds(1));
  EXPECT_EQ(Kept(kConfig).bytes, kText);
  EXPECT_EQ(Kept("run/0/t.tsv").bytes, "1\t2\n");
  EXPECT_TRUE(Kept(kTrace).bytes == std::string(100'000, 'x'));
  EXPECT_EQ(Kept("plugins/at/root").bytes, "r");
  EXPECT_EQ(Mirror(), File(1));
  EXPECT_FALSE(collector_.Has("run/checkpoint"));
  EXPECT_FALSE(collector_.Has("run/0/other.tsv"));
  const Progress progress = agent_->progress();
  EXPECT_EQ(progress.files, 5u);
  EXPECT_EQ(progress.files_behind, 0u);
  EXPECT_EQ(progress.bytes_durable, progress.bytes_on_disk);
  EXPECT_EQ(progress.asset_versions_sent_total, 4u);
  const auto version = *Kept(kTrace).version;
  EXPECT_EQ(version.size_bytes(), 100'000u);
  EXPECT_EQ(absl::FromUnixNanos(version.modified_unix_nanos()),
            files_.Stat("/logs/" + std::string(kTrace))->modified);
}

TEST_F(AssetsTest, WhatAConfigurationNamesLaterIsFoundAtOnce) {
  WriteOld("run/0/t.tsv", "1\t2\n");
  StartAgent();
  EXPECT_FALSE(collector_.Has("run/0/t.tsv"));
  Write(kConfig, kText);
  RunFor(absl::Seconds(62));
  EXPECT_EQ(Kept("run/0/t.tsv").bytes, "1\t2\n");
  // And the reverse: named before it is there.
  Write("b/projector_config.pbtxt", kText);
  RunFor(absl::Seconds(62));
  Write("b/0/t.tsv", "3");
  RunFor(absl::Seconds(62));
  EXPECT_EQ(Kept("b/0/t.tsv").bytes, "3");
}

TEST_F(AssetsTest, Fault25_LinksThatLeadOutOfTheLogdirAreNotFollowed) {
  files_.WriteFile("/secret/t.tsv", "secret");
  files_.MakeSymlink("/secret", "/logs/run/0");
  files_.MakeSymlink("/secret/t.tsv", "/logs/run/plugins/x");
  WriteOld("elsewhere/y", "inside");
  files_.MakeSymlink("/logs/elsewhere/y", "/logs/run/plugins/y");
  WriteOld(kConfig,
           R"(embeddings { tensor_path: "0/t.tsv" metadata_path: "../../secret/t.tsv"
                           bookmarks_path: "/secret/t.tsv" sprite { image_path: "../a/../elsewhere/y" } })");
  StartAgent();
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Kept("run/plugins/y").bytes, "inside");
  EXPECT_EQ(Kept("elsewhere/y").bytes, "inside");
  EXPECT_EQ(agent_->progress().files, 3u);
}

TEST_F(AssetsTest, EachKindCanBeTurnedOff) {
  WriteOld(kConfig, kText);
  WriteOld("run/0/t.tsv", "1");
  WriteOld(kTrace, "x");
  options_.side_files.projector = false;
  StartAgent();
  EXPECT_EQ(Kept(kTrace).bytes, "x");
  EXPECT_FALSE(collector_.Has(kConfig));
  EXPECT_FALSE(collector_.Has("run/0/t.tsv"));
  options_.side_files = {.projector = true, .plugins = false, .bytes_max = 100};
  WriteOld("run/plugins/b", "y");
  StartAgent();
  EXPECT_EQ(Kept("run/0/t.tsv").bytes, "1");
  EXPECT_FALSE(collector_.Has("run/plugins/b"));
}

TEST_F(AssetsTest, TooLargeAFileIsLeftOutAndSaidOnce) {
  options_.side_files.bytes_max = 10;
  WriteOld(kTrace, std::string(11, 'x'));
  options_.once = true;
  StartAgent();
  EXPECT_TRUE(agent_->outcome().has_value() && agent_->outcome()->ok());
  EXPECT_FALSE(collector_.Has(kTrace));
  EXPECT_EQ(agent_->progress().files_left_out, 1u);
  EXPECT_EQ(Said("side file is larger than the limit"), 1);
  // The collector's limit counts too.
  options_.side_files.bytes_max = 100;
  options_.once = false;
  collector_.limits.set_asset_bytes_max(10);
  StartAgent();
  RunFor(absl::Seconds(2));
  EXPECT_FALSE(collector_.Has(kTrace));
  // It shrinks.
  Write(kTrace, "small");
  RunFor(absl::Seconds(62));
  EXPECT_EQ(Kept(kTrace).bytes, "small");
}

TEST_F(AssetsTest, Fault47_AnOlderCollectorTakesNoneAndTheRestGoesOn) {
  collector_.takes_assets = false;
  for (int i = 0; i < 5; ++i) WriteOld(absl::StrCat("run/plugins/", i), "x");
  WriteOld(kFile, File(1));
  collector_.limits.set_open_batch_max(2);
  options_.once = true;
  StartAgent();
  EXPECT_EQ(Mirror(), File(1));
  EXPECT_TRUE(agent_->outcome().has_value() && agent_->outcome()->ok());
  EXPECT_EQ(Said("takes no side files"), 1);
  EXPECT_EQ(Parts(), 0u);
  EXPECT_EQ(collector_.Count(AgentMessage::kListingComplete), 1);
  // After an upgrade of the collector they are sent.
  collector_.takes_assets = true;
  options_.once = false;
  StartAgent();
  EXPECT_EQ(Kept("run/plugins/4").bytes, "x");
}

// Versions.

TEST_F(AssetsTest, AChangedFileIsSentWhenItHasSettled) {
  WriteOld(kTrace, "first");
  StartAgent();
  EXPECT_EQ(Kept(kTrace).bytes, "first");
  Write(kTrace, "second");
  RunFor(absl::Seconds(62));
  EXPECT_EQ(Kept(kTrace).bytes, "second");
  EXPECT_EQ(Kept(kTrace).versions, 2);
  // Replaced by another file, with an older time: another version all the same.
  files_.ReplaceFile("/logs/" + std::string(kTrace), "third!");
  files_.SetModified("/logs/" + std::string(kTrace), clock_.Wall() - absl::Hours(5));
  RunFor(absl::Seconds(62));
  EXPECT_EQ(Kept(kTrace).bytes, "third!");
}

TEST_F(AssetsTest, AFileThatWasJustWrittenIsLeftAloneForASecond) {
  Write(kTrace, "still being written");
  StartAgent();
  RunFor(absl::Milliseconds(900));
  EXPECT_EQ(Parts(), 0u);
  RunFor(absl::Milliseconds(200));
  EXPECT_EQ(Kept(kTrace).bytes, "still being written");
}

TEST_F(AssetsTest, AFileThatNeverRestsIsSentNowAndThen) {
  Write(kTrace, "0");
  StartAgent();
  for (int i = 1; i <= 70; ++i) {
    Append(kTrace, "x");
    RunFor(absl::Milliseconds(990));
  }
  EXPECT_GE(Kept(kTrace).versions, 1);
  EXPECT_LE(Kept(kTrace).versions, 3);
}

TEST_F(AssetsTest, ALargeFileThatChangesAgainAndAgainIsSentSeldom) {
  const std::string large(8u << 20, 'x');
  WriteOld(kTrace, large);
  StartAgent();
  RunFor(absl::Seconds(1));
  EXPECT_EQ(Kept(kTrace).versions, 1);
  for (int i = 0; i < 10; ++i) {
    WriteOld(kTrace, large + std::to_string(i));
    RunFor(absl::Seconds(1));
  }
  // 8 MiB at 4 MiB/s on average.
  EXPECT_LE(Kept(kTrace).versions, 6);
  RunFor(absl::Seconds(5));
  EXPECT_EQ(Kept(kTrace).bytes, large + "9");
}

TEST_F(AssetsTest, AFileThatChangesWhileItIsReadIsSentAgain) {
  options_.chunk_bytes_max = 4096;
  WriteOld(kTrace, std::string(20'000, 'a'));
  int parts = 0;
  collector_.on_part = [&](const ingest::v1::AssetPart&) {
    if (++parts == 2) Write(kTrace, std::string(20'000, 'b'));
  };
  StartAgent();
  RunFor(absl::Seconds(3));
  EXPECT_TRUE(Kept(kTrace).bytes == std::string(20'000, 'b'));
  EXPECT_EQ(Kept(kTrace).versions, 1);
}

TEST_F(AssetsTest, AFileThatIsReplacedOrShrinksWhileItIsReadIsNeverMixed) {
  options_.chunk_bytes_max = 4096;
  for (const bool replaced : {true, false}) {
    const std::string path = replaced ? "run/plugins/a" : "run/plugins/b";
    WriteOld(path, std::string(20'000, 'a'));
    int parts = 0;
    collector_.on_part = [&](const ingest::v1::AssetPart&) {
      if (++parts != 3) return;
      if (replaced) {
        files_.ReplaceFile("/logs/" + path, std::string(20'000, 'b'));
      } else {
        files_.TruncateFile("/logs/" + path, 9'000);
      }
    };
    StartAgent();
    RunFor(absl::Seconds(63));
    EXPECT_TRUE(Kept(path).bytes ==
                (replaced ? std::string(20'000, 'b') : std::string(9'000, 'a')));
    collector_.on_part = nullptr;
  }
}

TEST_F(AssetsTest, AnEmptyFileIsAVersion) {
  WriteOld(kTrace, "");
  options_.once = true;
  StartAgent();
  EXPECT_TRUE(Drained());
  EXPECT_EQ(Kept(kTrace).versions, 1);
}

// Sessions.

TEST_F(AssetsTest, Resume_WhatIsDurableIsNotSentAgain) {
  WriteOld(kTrace, "trace");
  StartAgent();
  EXPECT_EQ(Parts(), 1u);
  collector_.Break();
  RunFor(absl::Seconds(20));
  StartAgent();
  collector_.Restart();
  RunFor(absl::Seconds(20));
  EXPECT_EQ(Parts(), 1u);
}

TEST_F(AssetsTest, Resume_AnInterruptedVersionIsSentFromItsStart) {
  options_.chunk_bytes_max = 4096;
  WriteOld(kTrace, std::string(40'000, 'x'));
  int parts = 0;
  collector_.on_part = [&](const ingest::v1::AssetPart&) {
    if (++parts == 5) collector_.Break();
  };
  StartAgent();
  RunFor(absl::Seconds(20));
  EXPECT_TRUE(Kept(kTrace).bytes == std::string(40'000, 'x'));
  EXPECT_EQ(Kept(kTrace).versions, 1);
  EXPECT_EQ(agent_->progress().in_flight_bytes, 0u);
}

TEST_F(AssetsTest, Resume_AVersionWithoutItsLastAckIsSentAgain) {
  WriteOld(kTrace, "trace");
  collector_.acknowledge_assets = false;
  StartAgent();
  EXPECT_EQ(agent_->progress().files_behind, 1u);
  collector_.acknowledge_assets = true;
  collector_.Break();
  RunFor(absl::Seconds(20));
  EXPECT_EQ(Kept(kTrace).bytes, "trace");
  EXPECT_EQ(agent_->progress().files_behind, 0u);
}

TEST_F(AssetsTest, RefusedPartsAreSentAgainLaterAndLater) {
  options_.chunk_bytes_max = 4096;
  for (const auto reason :
       {ingest::v1::REFUSAL_REASON_GAP, ingest::v1::REFUSAL_REASON_CONFLICT,
        ingest::v1::REFUSAL_REASON_STORE_LOST, ingest::v1::REFUSAL_REASON_STORE_FULL,
        ingest::v1::REFUSAL_REASON_NOT_OPEN}) {
    const std::string path = absl::StrCat("run/plugins/", static_cast<int>(reason));
    WriteOld(path, std::string(10'000, 'x'));
    collector_.refuse_parts = reason;
    collector_.refuse_parts_times = 3;
    StartAgent();
    RunFor(absl::Seconds(30));
    EXPECT_TRUE(Kept(path).bytes == std::string(10'000, 'x')) << reason;
    EXPECT_EQ(agent_->progress().files_behind, 0u);
  }
}

TEST_F(AssetsTest, Gone_TheCollectorKeepsWhatItHas) {
  WriteOld(kTrace, "trace");
  StartAgent();
  ASSERT_TRUE(files_.Remove("/logs/" + std::string(kTrace)).ok());
  RunFor(absl::Seconds(62));
  EXPECT_EQ(Kept(kTrace).bytes, "trace");
  EXPECT_EQ(Kept(kTrace).state, ingest::v1::SOURCE_STATE_GONE);
  WriteOld(kTrace, "back");
  RunFor(absl::Seconds(62));
  EXPECT_EQ(Kept(kTrace).bytes, "back");
}

TEST_F(AssetsTest, Gone_InTheMidstIsGivenUp) {
  options_.chunk_bytes_max = 4096;
  WriteOld(kTrace, std::string(20'000, 'x'));
  collector_.on_part = [&](const ingest::v1::AssetPart& part) {
    if (part.offset() > 0) (void)files_.Remove("/logs/" + std::string(kTrace));
  };
  StartAgent();
  RunFor(absl::Seconds(70));
  EXPECT_EQ(agent_->progress().files, 0u);
  EXPECT_EQ(agent_->progress().in_flight_bytes, 0u);
}

TEST_F(AssetsTest, UnreadableFilesAreTriedAgain) {
  WriteOld(kTrace, "trace");
  files_.Inject({.call = FakeFileSystem::Call::kRead,
                 .status = absl::AbortedError("Stale file handle"),
                 .times = 4,
                 .path_contains = "xplane"});
  StartAgent();
  RunFor(absl::Seconds(60));
  EXPECT_EQ(Kept(kTrace).bytes, "trace");
}

// Flow.

TEST_F(AssetsTest, CreditBoundsWhatIsSentAndSomeOfItStaysForEvents) {
  collector_.first_credit = 8192;
  collector_.give_credit_back = false;
  collector_.acknowledge_parts = false;
  WriteOld(kTrace, std::string(100'000, 'x'));
  WriteOld(kFile, "");
  StartAgent();
  RunFor(absl::Seconds(5));
  EXPECT_LE(collector_.payload_bytes(), 7168u);
  EXPECT_GT(collector_.payload_bytes(), 4000u);
  Append(kFile, Scalars(2));
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), Scalars(2));
}

TEST_F(AssetsTest, ChunksAndPartsTakeTurns) {
  options_.chunk_bytes_max = 4096;
  WriteOld(kFile, File(20'000));
  WriteOld(kTrace, std::string(200'000, 'x'));
  StartAgent();
  RunFor(absl::Seconds(5));
  std::string turns;
  for (const AgentMessage& message : collector_.messages()) {
    if (message.has_chunk()) turns += 'c';
    if (message.has_asset_part()) turns += 'p';
    if (message.has_asset_part() && message.asset_part().last()) break;
  }
  EXPECT_GT(turns.size(), 90u);
  // Whichever began.
  EXPECT_FALSE(absl::StrContains(turns.substr(1), "cc")) << turns;
  EXPECT_FALSE(absl::StrContains(turns.substr(1), "pp")) << turns;
  EXPECT_TRUE(Mirror() == File(20'000));
}

// Draining.

TEST_F(AssetsTest, Drain_WaitsUntilTheFileIsDurable) {
  WriteOld(kTrace, "trace");
  collector_.acknowledge_assets = false;
  StartAgent();
  StartDrain();
  RunFor(absl::Seconds(5));
  EXPECT_FALSE(Drained());
  ASSERT_EQ(agent_->Left(10).size(), 1u);
  EXPECT_EQ(agent_->Left(10)[0].relative_path, kTrace);
  EXPECT_EQ(agent_->Left(10)[0].durable_bytes, 0u);
  collector_.acknowledge_assets = true;
  collector_.Break();
  RunFor(absl::Seconds(20));
  EXPECT_TRUE(Drained());
  EXPECT_TRUE(agent_->outcome()->ok());
}

TEST_F(AssetsTest, Drain_DoesNotWaitForAFileToSettle) {
  WriteOld(kTrace, "old");
  StartAgent();
  Write(kTrace, "just written");
  StartDrain();
  RunFor(absl::Milliseconds(100));
  EXPECT_TRUE(Drained());
  EXPECT_EQ(Kept(kTrace).bytes, "just written");
}

TEST_F(AssetsTest, Drain_EndsThoughTheFileGoesOnChanging) {
  WriteOld(kTrace, "0");
  StartAgent();
  collector_.on_part = [&](const ingest::v1::AssetPart& part) {
    if (part.last()) Append(kTrace, "x");
  };
  Append(kTrace, "x");
  StartDrain();
  RunFor(absl::Seconds(3));
  EXPECT_TRUE(Drained());
  EXPECT_TRUE(agent_->outcome()->ok());
}

TEST_F(AssetsTest, Once_FindsWhatTheConfigurationNames) {
  WriteOld(kConfig, kText);
  WriteOld("run/0/t.tsv", "1\t2\n");
  options_.once = true;
  StartAgent();
  EXPECT_TRUE(Drained());
  EXPECT_EQ(Kept("run/0/t.tsv").bytes, "1\t2\n");
}

TEST_F(AssetsTest, Drain_DoesNotWaitForWhatCannotBeRead) {
  WriteOld(kTrace, "trace");
  files_.Inject({.call = FakeFileSystem::Call::kOpen,
                 .status = absl::InternalError("Input/output error"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "xplane"});
  options_.once = true;
  StartAgent();
  RunFor(absl::Seconds(60));
  ASSERT_TRUE(Drained());
  EXPECT_TRUE(absl::IsDataLoss(*agent_->outcome()));
  EXPECT_THAT(agent_->Left(1)[0].why, HasSubstr("unreadable"));
}

}  // namespace
}  // namespace tributary::agent
