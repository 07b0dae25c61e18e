#include "collector/store/asset_store.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/store/rows.h"
#include "collector/store/store.h"
#include "common/eventfile/crc32c.h"
#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_registry.h"

namespace tributary {
namespace {

using ::testing::IsEmpty;
using Call = FakeFileSystem::Call;

constexpr char kDataDir[] = "/data";
constexpr char kMirror[] = "/data/logdir/node1/exp/projector_config.pbtxt";

StreamRequest Request(const std::string& path, const std::string& run,
                      const std::string& node = "node1") {
  StreamRequest request;
  request.identity = {node, "", path};
  request.run = RunName(run);
  request.run_why = "test";
  return request;
}

AssetVersion VersionOf(absl::string_view content, int64_t modified) {
  return {content.size(), modified, Crc32c(content)};
}

class AssetStoreTest : public testing::Test {
 protected:
  AssetStoreTest() { Reopen(); }

  // As a start of the collector does.
  void Reopen() {
    asset_.reset();
    store_.reset();
    registry_.Reopen();
    Store::Options options;
    options.data_dir = kDataDir;
    options.data_free_min_bytes = 0;
    auto store = Store::Open(options, {&files_, &clock_, &random_, &registry_});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    for (const auto& asset : store_->assets()->All()) {
      if (asset->identity().path == "exp/projector_config.pbtxt") asset_ = asset;
    }
  }

  std::shared_ptr<Asset> Open(const StreamRequest& request) {
    const auto opened = store_->assets()->Open({request});
    return opened.ok() ? opened->front() : nullptr;
  }
  void OpenConfig() {
    asset_ = Open(Request("exp/projector_config.pbtxt", "node1/exp"));
    ASSERT_NE(asset_, nullptr);
  }

  // All of it: begin, append in two parts, sync, install.
  absl::Status Put(Asset* asset, absl::string_view content, int64_t modified) {
    clock_.Advance(absl::Milliseconds(1));
    auto writer = store_->assets()->Begin(*asset, content.size());
    if (!writer.ok()) return writer.status();
    for (const absl::string_view part :
         {content.substr(0, content.size() / 2), content.substr(content.size() / 2)}) {
      if (absl::Status status = (*writer)->Append(part); !status.ok()) return status;
    }
    if (absl::Status status = (*writer)->Sync(); !status.ok()) return status;
    EXPECT_EQ((*writer)->crc32c(), Crc32c(content));
    return store_->assets()->Install(asset, *std::move(writer), VersionOf(content, modified));
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  SeededRandom random_{1};
  FakeRegistry registry_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<Asset> asset_;
};

TEST_F(AssetStoreTest, VersionReplacesTheFormerOneAndSurvivesARestart) {
  OpenConfig();
  EXPECT_EQ(asset_->mirror_path(), kMirror);
  EXPECT_EQ(asset_->version(), std::nullopt);
  ASSERT_TRUE(Put(asset_.get(), "first", 1).ok());
  EXPECT_EQ(*files_.ReadFile(kMirror), "first");
  ASSERT_TRUE(Put(asset_.get(), "second one", 2).ok());
  files_.CrashLosingAll();
  Reopen();
  EXPECT_EQ(*files_.ReadFile(kMirror), "second one");
  EXPECT_EQ(asset_->version(), VersionOf("second one", 2));
  EXPECT_EQ(asset_->run().value(), "node1/exp");
  EXPECT_THAT(files_.Files("/data/incoming"), IsEmpty());
}

TEST_F(AssetStoreTest, NothingIsSeenBeforeItIsInstalled) {
  OpenConfig();
  ASSERT_TRUE(Put(asset_.get(), "first", 1).ok());
  auto writer = store_->assets()->Begin(*asset_, 6);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Append("sec").ok());
  EXPECT_EQ(*files_.ReadFile(kMirror), "first");
  writer->reset();
  EXPECT_THAT(files_.Files("/data/incoming"), IsEmpty());
}

TEST_F(AssetStoreTest, WhatWasOnItsWayIsRemovedByTheNextStart) {
  OpenConfig();
  files_.WriteFile("/data/incoming/1-1", "half of it");
  // A leftover that cannot be removed does not end up in another version either.
  files_.Inject({.call = Call::kRemove, .status = absl::InternalError("no"), .times = 1});
  Reopen();
  EXPECT_EQ(files_.Files("/data/incoming").size(), 1u);
  ASSERT_TRUE(Put(asset_.get(), "first", 1).ok());
  EXPECT_EQ(*files_.ReadFile(kMirror), "first");
  files_.WriteFile("/data/incoming/1-2", "half of it");
  Reopen();
  EXPECT_THAT(files_.Files("/data/incoming"), IsEmpty());
}

TEST_F(AssetStoreTest, TwoVersionsOfOneAssetMayBeOnTheirWay) {
  OpenConfig();
  auto old_one = store_->assets()->Begin(*asset_, 3);
  ASSERT_TRUE((*old_one)->Append("old").ok());
  auto new_one = store_->assets()->Begin(*asset_, 3);
  ASSERT_TRUE((*new_one)->Append("n").ok());
  ASSERT_TRUE((*old_one)->Sync().ok());
  ASSERT_TRUE(
      store_->assets()->Install(asset_.get(), *std::move(old_one), VersionOf("old", 1)).ok());
  EXPECT_EQ(*files_.ReadFile(kMirror), "old");
}

// Names.

TEST_F(AssetStoreTest, Fault39_NamesAreEscapedAsThoseOfMirrors) {
  const auto escaped = Open(Request("a/..%\n", "node1/../x"));
  ASSERT_NE(escaped, nullptr);
  EXPECT_EQ(escaped->mirror_path(), "/data/logdir/node1/%2E%2E/x/..%25%0A");
  const auto first = Open(Request("e/config", "shared", "node1"));
  const auto second = Open(Request("e/config", "shared", "node2"));
  EXPECT_EQ(first->mirror_path(), "/data/logdir/shared/config");
  EXPECT_EQ(second->mirror_path(), "/data/logdir/shared/config~2");
}

TEST_F(AssetStoreTest, NumbersAndPathsAreSharedWithStreams) {
  OpenConfig();
  const auto streams =
      store_->OpenStreams({Request("exp/x.tfevents", "node1/exp/projector_config.pbtxt")});
  ASSERT_TRUE(streams.ok());
  EXPECT_NE(streams->front()->id(), asset_->id());
  // A directory cannot have the name of a file.
  EXPECT_EQ(streams->front()->mirror_path(), absl::StrCat(kMirror, "~2/x.tfevents"));
  Reopen();
  const auto next = Open(Request("exp/other", "node1/exp"));
  EXPECT_GT(next->id(), streams->front()->id());
}

// The disk and the registry.

TEST_F(AssetStoreTest, Fault6_AMirrorThatIsGoneOrOtherIsAskedForAgain) {
  OpenConfig();
  ASSERT_TRUE(Put(asset_.get(), "first", 1).ok());
  files_.RemoveAll(kMirror);
  Reopen();
  EXPECT_EQ(asset_->version(), std::nullopt);
  ASSERT_TRUE(Put(asset_.get(), "first", 1).ok());
  // As long as before, by somebody else.
  clock_.Advance(absl::Seconds(1));
  files_.WriteFile(kMirror, "other");
  Reopen();
  EXPECT_EQ(asset_->version(), std::nullopt);
  EXPECT_EQ(*files_.ReadFile(kMirror), "other");
}

TEST_F(AssetStoreTest, Fault8_ADamagedRowIsPutAside) {
  OpenConfig();
  ASSERT_TRUE(Put(asset_.get(), "first", 1).ok());
  const StreamId before = asset_->id();
  (*registry_.entries())[AssetKey(before)].front() ^= 1;
  Reopen();
  EXPECT_EQ(asset_, nullptr);
  EXPECT_TRUE(registry_.entries()->contains("damaged/" + AssetKey(before)));
  OpenConfig();
  EXPECT_NE(asset_->id(), before);
  EXPECT_EQ(asset_->mirror_path(), kMirror);
  EXPECT_TRUE(Put(asset_.get(), "again", 1).ok());
  EXPECT_EQ(*files_.ReadFile(kMirror), "again");
}

TEST_F(AssetStoreTest, Fault9_AfterAFailedSyncTheVersionIsNotTaken) {
  OpenConfig();
  ASSERT_TRUE(Put(asset_.get(), "first", 1).ok());
  files_.Inject({.call = Call::kSync, .status = absl::InternalError("EIO")});
  EXPECT_FALSE(Put(asset_.get(), "second", 2).ok());
  EXPECT_EQ(asset_->version(), VersionOf("first", 1));
  EXPECT_THAT(files_.Files("/data/incoming"), IsEmpty());
}

TEST_F(AssetStoreTest, Fault9_AFailedSyncOfTheWholeFileSystemCountsForVersionsOnTheirWay) {
  OpenConfig();
  auto streams = store_->OpenStreams({Request("a.tfevents", "a"), Request("b.tfevents", "b")});
  auto writer = store_->assets()->Begin(*asset_, 5);
  ASSERT_TRUE((*writer)->Append("first").ok());
  std::vector<CommitNote> notes;
  for (const auto& stream : *streams) {
    ASSERT_TRUE(stream->Append(0, "x").ok());
    for (CommitNote& note : store_->NoteDirty(stream->shard())) notes.push_back(std::move(note));
  }
  files_.Inject({.call = Call::kSyncFileSystem, .status = absl::InternalError("EIO")});
  ASSERT_TRUE(store_->Commit(std::move(notes)).ok());
  // The kernel has told the error to somebody else.
  ASSERT_TRUE((*writer)->Sync().ok());
  const absl::Status installed =
      store_->assets()->Install(asset_.get(), *std::move(writer), VersionOf("first", 1));
  EXPECT_TRUE(absl::IsAborted(installed)) << installed;
  EXPECT_FALSE(files_.Exists(kMirror));
}

TEST_F(AssetStoreTest, Fault9_ANameThatIsNotDurableIsNotPromised) {
  OpenConfig();
  ASSERT_TRUE(Put(asset_.get(), "first", 1).ok());
  files_.Inject({.call = Call::kSyncDirectory, .status = absl::InternalError("EIO")});
  EXPECT_FALSE(Put(asset_.get(), "second", 2).ok());
  EXPECT_EQ(asset_->version(), std::nullopt);
  EXPECT_TRUE(Put(asset_.get(), "second", 2).ok());
  EXPECT_EQ(asset_->version(), VersionOf("second", 2));
}

TEST_F(AssetStoreTest, Fault10_WhatHasNoRoomIsNotBegun) {
  OpenConfig();
  files_.SetTotalSpace(files_.used_bytes() + 100);
  EXPECT_TRUE(absl::IsResourceExhausted(Put(asset_.get(), std::string(101, 'x'), 1)));
  auto writer = store_->assets()->Begin(*asset_, 50);
  ASSERT_TRUE(writer.ok()) << writer.status();
  files_.SetTotalSpace(files_.used_bytes() + 10);
  EXPECT_TRUE(absl::IsResourceExhausted((*writer)->Append(std::string(50, 'x'))));
  writer->reset();
  EXPECT_THAT(files_.Files("/data/incoming"), IsEmpty());
  files_.SetTotalSpace(uint64_t{1} << 30);
  EXPECT_TRUE(Put(asset_.get(), "fits", 1).ok());
}

TEST_F(AssetStoreTest, Fault10_ARegistryWithoutSpacePromisesNothing) {
  OpenConfig();
  registry_.SetScript([](const RegistryTransaction&) { return FakeRegistry::Fate::kNoSpace; });
  EXPECT_TRUE(absl::IsResourceExhausted(Put(asset_.get(), "first", 1)));
  EXPECT_EQ(asset_->version(), std::nullopt);
  registry_.SetScript(nullptr);
  EXPECT_FALSE(store_->full());  // looks again
  EXPECT_TRUE(Put(asset_.get(), "first", 1).ok());
}

// The power goes at each call of the disk and the registry in turn, while the second version comes.
TEST_F(AssetStoreTest, Fault4_APowerCutAnywhereLeavesOneVersionWhole) {
  for (const auto applied :
       {FakeRegistry::Fate::kLostUnknown, FakeRegistry::Fate::kAppliedUnknown}) {
    bool done = false;
    for (int calls = 0; !done; ++calls) {
      SCOPED_TRACE(calls);
      files_.SetInterceptor(nullptr);
      registry_.SetScript(nullptr);
      OpenConfig();
      ASSERT_TRUE(Put(asset_.get(), "first", 1).ok());
      int left = calls;
      files_.SetInterceptor([&](Call, const std::string&) {
        return left-- > 0 ? absl::OkStatus() : absl::InternalError("no power");
      });
      registry_.SetScript([&](const RegistryTransaction&) {
        return left-- > 0 ? FakeRegistry::Fate::kDurable : applied;
      });
      done = Put(asset_.get(), "second", 2).ok();
      files_.SetInterceptor(nullptr);
      registry_.SetScript(nullptr);
      if (calls % 2 == 0) {
        files_.Crash(&random_);
      } else {
        files_.CrashLosingAll();
      }
      registry_.Crash();
      Reopen();
      const std::string content = *files_.ReadFile(kMirror);
      const std::optional<AssetVersion> version = asset_->version();
      ASSERT_TRUE(content == "first" || content == "second") << content;
      if (done) {
        ASSERT_EQ(version, VersionOf("second", 2));
      }
      if (version.has_value()) {
        ASSERT_EQ(version->crc32c, Crc32c(content));
      }
      ASSERT_THAT(files_.Files("/data/incoming"), IsEmpty());
      ASSERT_LT(calls, 200);
    }
  }
}

}  // namespace
}  // namespace tributary
