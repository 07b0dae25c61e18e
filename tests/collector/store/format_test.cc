// collector/store/FORMAT.md, as it is written there.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "collector/store/disk_names.h"
#include "collector/store/rows.h"
#include "collector/store/store.h"
#include "common/random.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_registry.h"

namespace tributary {
namespace {

constexpr char kDataDir[] = "/data";
constexpr char kMirror[] = "/data/logdir/node07/exp1/events.out.tfevents.1700000000.node07";

const std::string kRecord = absl::HexStringToBytes(
    "1800000000000000a37f4b2209000000"
    "40fc54d9411a0d62"
    "7261696e2e4576656e743a32eced8f9d");

const std::string kStreamValue = absl::HexStringToBytes(
    "0a066e6f646530371a2a657870312f6576656e74732e6f75742e74666576656e74732e313730303030303030302e6e"
    "6f64653037220b6e6f646530372f657870312a2064656661756c74207b6e6f64657d3a206e6f64652066726f6d202d"
    "2d6e6f646530c58df189dad5ecf51842386c6f676469722f6e6f646530372f657870312f6576656e74732e6f75742e"
    "74666576656e74732e313730303030303030302e6e6f64653037af57d17a");
const std::string kMarkValue = absl::HexStringToBytes("103c1dbe1e1f1c25be1e1f1c282883306023");

// The store of the example, whose mirror has `mirror`.
class FormatTest : public testing::Test {
 protected:
  void Open(const std::string& mirror) {
    *registry_.entries() = {{"format", absl::HexStringToBytes("31ab4230e2")},
                            {"store/next_stream", absl::HexStringToBytes("3264c345b0")},
                            {"stream/0000000000000001", kStreamValue},
                            {"mark/0000000000000001", kMarkValue}};
    const RegistryEntry id = MakeTextEntry("store/id", std::string(32, 'a'));
    (*registry_.entries())[id.key] = id.value;
    files_.WriteFile(kMirror, mirror);
    auto store = Store::Open({.data_dir = kDataDir}, {&files_, &clock_, &random_, &registry_});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    ASSERT_EQ(store_->Streams().size(), 1u);
    stream_ = store_->Streams()[0];
    ASSERT_TRUE(stream_->health().ok()) << stream_->health();
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  SeededRandom random_{1};
  FakeRegistry registry_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<MirrorStream> stream_;
};

TEST_F(FormatTest, Names) {
  EXPECT_EQ(EscapeComponent("exp 1"), "exp 1");
  EXPECT_EQ(EscapeComponent("\xc3\xa4"), "\xc3\xa4");
  EXPECT_EQ(EscapeComponent(".."), "%2E%2E");
  EXPECT_EQ(EscapeComponent(""), "%");
  EXPECT_EQ(EscapeComponent("50%\n"), "50%25%0A");
  EXPECT_EQ(EscapeComponent("\xff"), "%FF");
  EXPECT_EQ(EscapeComponent(std::string(201, 'a')),
            absl::StrCat(std::string(160, 'a'), "%~9a253eda0ce95884"));
}

TEST_F(FormatTest, ExampleIsRead) {
  Open(kRecord + kRecord.substr(0, 20));
  EXPECT_EQ(stream_->identity().node, "node07");
  EXPECT_EQ(stream_->identity().path, "exp1/events.out.tfevents.1700000000.node07");
  EXPECT_EQ(stream_->run().value(), "node07/exp1");
  EXPECT_EQ(stream_->mirror_path(), kMirror);
  EXPECT_EQ(stream_->durable(), 60u);
  EXPECT_TRUE(stream_->lost().empty());
  EXPECT_EQ((*registry_.entries())["mark/0000000000000001"], kMarkValue);
}

TEST_F(FormatTest, ExampleIsWrittenAlike) {
  const auto stream = ParseStreamRow({"stream/0000000000000001", kStreamValue});
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ(MakeEntry(StreamId(1), *stream).value, kStreamValue);
  const auto mark = ParseMarkRow({"mark/0000000000000001", kMarkValue});
  ASSERT_TRUE(mark.ok()) << mark.status();
  EXPECT_EQ(MakeEntry(StreamId(1), *mark).value, kMarkValue);
  // A value under another key.
  EXPECT_FALSE(ParseMarkRow({"mark/0000000000000002", kMarkValue}).ok());
}

TEST_F(FormatTest, WholeRecordPastDurableIsKept) {
  Open(kRecord + kRecord);
  EXPECT_EQ(stream_->durable(), 80u);
}

TEST_F(FormatTest, PartOfARecordPastDurableIsSetAside) {
  Open(kRecord + kRecord.substr(0, 30));
  EXPECT_EQ(stream_->durable(), 60u);
  EXPECT_EQ(*files_.ReadFile(kMirror), kRecord + kRecord.substr(0, 20));
  EXPECT_EQ(*files_.ReadFile("/data/superseded/1/tail-0-60"), kRecord.substr(20, 10));
}

}  // namespace
}  // namespace tributary
