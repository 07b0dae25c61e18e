// One mirror: what its fingerprint is of.
#include <memory>
#include <string>
#include <utility>

#include "collector/store/store.h"
#include "common/random.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_registry.h"

namespace tributary {
namespace {

constexpr char kMirror[] = "/data/logdir/run/a.tfevents";

class MirrorFileTest : public testing::Test {
 protected:
  MirrorFileTest() {
    Start();
    StreamRequest request;
    request.identity = {"n", "", "run/a.tfevents"};
    request.run = RunName("run");
    const auto opened = store_->OpenStreams({&request, 1});
    if (opened.ok()) stream_ = (*opened)[0];
  }
  void Start() {
    auto store = Store::Open({.data_dir = "/data", .shards = 1, .data_free_min_bytes = 0},
                             {&files_, &clock_, &random_, &registry_});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    if (!store_->Streams().empty()) stream_ = store_->Streams()[0];
  }
  void Commit() {
    const auto advances = store_->Commit(store_->NoteDirty(0));
    ASSERT_TRUE(advances.ok()) << advances.status();
  }
  Fingerprint Masked(uint64_t offset) {
    const auto file = files_.OpenReadable(kMirror);
    return *FingerprintAt(file->get(), offset, stream_->unfilled());
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  SeededRandom random_{1};
  FakeRegistry registry_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<MirrorStream> stream_;
};

// A record of which only the first half was filled is noted as a whole, from its header on.
TEST_F(MirrorFileTest, Fault26_AnUnfilledRangeMasksTheFingerprintAtOnce) {
  const std::string bytes = std::string(300, 'x') + std::string(200, '\0') + std::string(100, 'y');
  ASSERT_TRUE(stream_->Append(0, bytes).ok());
  Commit();
  stream_->AddUnfilled({200, 300});
  EXPECT_EQ(*stream_->FingerprintAt(600), Masked(600));
  Commit();
  EXPECT_EQ(*stream_->FingerprintAt(600), Masked(600));
  ASSERT_TRUE(stream_->Append(600, "more").ok());
  Commit();
  EXPECT_EQ(*stream_->FingerprintAt(604), Masked(604));
  // Recovery compares the row with the file.
  registry_.Crash();
  registry_.Reopen();
  Start();
  EXPECT_EQ(stream_->durable(), 604u);
  EXPECT_TRUE(stream_->lost().empty());
}

}  // namespace
}  // namespace tributary
