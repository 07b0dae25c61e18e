// A store whose disk, or registry, has no room when a mirror must be put in order: what is durable
// is served, no byte is taken, and it goes on by itself once there is room.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/store/store.h"
#include "common/random.h"
#include "gtest/gtest.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_registry.h"

namespace tributary {
namespace {

using Call = FakeFileSystem::Call;

constexpr char kMirror[] = "/data/logdir/run/a.tfevents";

class FullDiskTest : public testing::Test {
 protected:
  FullDiskTest() { Start(); }

  void Start() {
    registry_.Reopen();
    Store::Options options;
    options.data_dir = "/data";
    options.shards = 1;
    options.data_free_min_bytes = 0;
    auto store = Store::Open(options, {&files_, &clock_, &random_, &registry_});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    const auto streams = store_->Streams();
    stream_ = streams.empty() ? nullptr : streams[0];
  }
  // The process is gone, its machine goes on.
  void Kill() {
    stream_.reset();
    store_.reset();
    registry_.Crash();
  }
  void Open() {
    StreamRequest request;
    request.identity = {"n", "", "run/a.tfevents"};
    request.run = RunName("run");
    const auto opened = store_->OpenStreams({&request, 1});
    ASSERT_TRUE(opened.ok()) << opened.status();
    stream_ = (*opened)[0];
  }
  // One cycle of the shard and the commit thread, a second later.
  std::vector<DurableAdvance> Commit() {
    clock_.Advance(absl::Seconds(1));
    auto advances = store_->Commit(store_->NoteDirty(0));
    EXPECT_TRUE(advances.ok()) << advances.status();
    return advances.ok() ? *std::move(advances) : std::vector<DurableAdvance>();
  }
  void Append(const std::string& bytes) {
    const absl::Status status = stream_->Append(stream_->received(), bytes);
    ASSERT_TRUE(status.ok()) << status;
  }
  void DiskIsFull() { files_.SetTotalSpace(files_.used_bytes()); }
  void DiskHasRoom() { files_.SetTotalSpace(uint64_t{1} << 40); }
  void RegistryIsFull() {
    registry_.SetScript([](const auto&) { return FakeRegistry::Fate::kNoSpace; });
  }
  void RegistryHasRoom() { registry_.SetScript(nullptr); }
  void ExpectWaiting(uint64_t durable) {
    EXPECT_TRUE(stream_->health().ok()) << stream_->health();
    EXPECT_EQ(stream_->durable(), durable);
    EXPECT_EQ(stream_->received(), durable);
    EXPECT_TRUE(stream_->awaits_disk()) << "not to be offered";
    EXPECT_TRUE(stream_->FingerprintAt(durable).ok());
    EXPECT_TRUE(absl::IsResourceExhausted(stream_->Append(durable, "more")));
    EXPECT_TRUE(store_->awaits_disk());
    EXPECT_TRUE(Commit().empty());
  }
  // The stream was told to be opened again, and takes bytes that become durable.
  void ExpectGoesOn(uint64_t durable) {
    const std::vector<DurableAdvance> advances = Commit();
    ASSERT_EQ(advances.size(), 1u);
    EXPECT_TRUE(advances[0].sealed);
    EXPECT_EQ(advances[0].durable, durable);
    EXPECT_FALSE(store_->awaits_disk());
    EXPECT_EQ(stream_->durable(), durable);
    Append("more");
    Commit();
    EXPECT_EQ(stream_->durable(), durable + 4);
    files_.CrashLosingAll();
    Kill();
    Start();
    EXPECT_EQ(stream_->durable(), durable + 4);
    EXPECT_TRUE(stream_->lost().empty());
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  SeededRandom random_{1};
  FakeRegistry registry_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<MirrorStream> stream_;
  const std::string record_ = EventFileBuilder().FileVersion().Build();
};

TEST_F(FullDiskTest, Fault10_TheRegistryHasNoRoomAtTheStart) {
  Open();
  Append(record_);
  Commit();
  Append(record_);
  Kill();
  RegistryIsFull();
  Start();
  ExpectWaiting(record_.size());
  RegistryHasRoom();
  ExpectGoesOn(2 * record_.size());
}

TEST_F(FullDiskTest, Fault10_ATornTailFindsNoRoomAtTheStart) {
  Open();
  Append(record_);
  Commit();
  Append(record_ + record_.substr(0, 7));
  Kill();
  DiskIsFull();
  Start();
  ExpectWaiting(record_.size());
  EXPECT_EQ(files_.Files("/data/superseded"), std::vector<std::string>());
  DiskHasRoom();
  ExpectGoesOn(2 * record_.size());
  EXPECT_EQ(*files_.ReadFile(absl::StrCat("/data/superseded/1/tail-0-", 2 * record_.size())),
            record_.substr(0, 7));
}

TEST_F(FullDiskTest, Fault10_AMirrorThatLostDurableBytesFindsNoRoomAtTheStart) {
  Open();
  Append(record_ + record_);
  Commit();
  Kill();
  files_.TruncateFile(kMirror, record_.size() + 5);
  DiskIsFull();
  Start();
  ExpectWaiting(record_.size());
  EXPECT_EQ(stream_->lost().size(), 1u);
  DiskHasRoom();
  EXPECT_EQ(Commit().size(), 1u);
  Append(record_);
  Commit();
  EXPECT_EQ(stream_->durable(), 2 * record_.size());
  EXPECT_EQ(*files_.ReadFile(kMirror), record_ + record_);
}

TEST_F(FullDiskTest, Fault10_AFormerGenerationThatCannotBePutAside) {
  Open();
  Append(record_);
  Commit();
  files_.Inject({.call = Call::kRename, .status = absl::ResourceExhaustedError("ENOSPC")});
  EXPECT_TRUE(absl::IsResourceExhausted(store_->StartGeneration(stream_.get(), Generation(0))));
  EXPECT_EQ(stream_->generation(), Generation(1));
  EXPECT_TRUE(absl::IsResourceExhausted(stream_->Append(0, "other")));
  EXPECT_TRUE(absl::IsResourceExhausted(store_->StartGeneration(stream_.get(), Generation(1))));
  ExpectGoesOn(0);
  EXPECT_EQ(*files_.ReadFile("/data/superseded/1/0"), record_);
}

TEST_F(FullDiskTest, Fault10_ASyncWithoutRoomAndNoRoomForTheSeal) {
  Open();
  Append(record_);
  Commit();
  Append(record_);
  files_.Inject({.call = Call::kSync, .status = absl::ResourceExhaustedError("ENOSPC")});
  DiskIsFull();
  const std::vector<DurableAdvance> advances = Commit();
  ASSERT_EQ(advances.size(), 1u);
  EXPECT_TRUE(advances[0].sealed);
  ExpectWaiting(record_.size());
  EXPECT_EQ(files_.Files("/data/superseded"), std::vector<std::string>());
  DiskHasRoom();
  ExpectGoesOn(record_.size());
}

TEST_F(FullDiskTest, Fault10_ANewGenerationNeedsNoSealOfTheOneBefore) {
  Open();
  Append(record_);
  Commit();
  Append(record_);
  files_.Inject({.call = Call::kSync, .status = absl::ResourceExhaustedError("ENOSPC")});
  DiskIsFull();
  Commit();
  ASSERT_TRUE(store_->StartGeneration(stream_.get(), Generation(0)).ok());
  EXPECT_TRUE(Commit().empty());
  EXPECT_FALSE(store_->awaits_disk());
  DiskHasRoom();
  store_->full();
  Append("other");
  Commit();
  EXPECT_EQ(stream_->durable(), 5u);
}

TEST_F(FullDiskTest, Fault10_OfAFailingDiskTheStreamStops) {
  Open();
  Append(record_);
  files_.Inject({.call = Call::kSync, .status = absl::InternalError("EIO"), .times = 2});
  Commit();
  EXPECT_FALSE(stream_->health().ok());
  EXPECT_FALSE(store_->awaits_disk());
}

// The registry was lost, so that the file belongs to nobody; its rows are committed, and there is
// no room for what the file holds.
TEST_F(FullDiskTest, Fault10_AFileThatCouldNotBeAdoptedIsKept) {
  files_.WriteFile(kMirror, record_ + record_);
  files_.SyncAll();
  registry_.FailCommit(FakeRegistry::Fate::kNoSpace, /*passing=*/1);
  Open();
  RegistryIsFull();
  ExpectWaiting(0);
  Open();
  EXPECT_EQ(*files_.ReadFile(kMirror), record_ + record_);
  RegistryHasRoom();
  ExpectGoesOn(2 * record_.size());
}

TEST_F(FullDiskTest, Fault10_WhatAProcessBeforeLeftUnsyncedDoesNotKeepTheNextFromStarting) {
  Open();
  Append(record_);
  Commit();
  Append(record_);
  Kill();
  files_.Inject({.call = Call::kSyncFileSystem, .status = absl::ResourceExhaustedError("ENOSPC")});
  Start();
  EXPECT_EQ(stream_->durable(), 2 * record_.size());
}

}  // namespace
}  // namespace tributary
