#include "collector/ingest/message_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace tributary {
namespace {

using ::testing::HasSubstr;

constexpr char kStore[] = "0123";

ingest::v1::Hello GoodHello() {
  ingest::v1::Hello hello;
  hello.set_protocol_version(1);
  hello.set_agent_nonce("n");
  hello.mutable_node()->set_name("node07");
  hello.add_logdirs()->set_path("/logs");
  return hello;
}

ingest::v1::Open GoodOpen() {
  ingest::v1::Open open;
  open.set_kind(ingest::v1::STREAM_KIND_EVENT);
  open.set_path("run/events.out.tfevents.1.h");
  open.set_run("node07/run");
  return open;
}

ingest::v1::RefusalReason ReasonOf(const std::optional<MessageRefusal>& refusal) {
  return refusal.has_value() ? refusal->reason : ingest::v1::REFUSAL_REASON_UNSPECIFIED;
}

TEST(MessageCheckTest, Hello_Good) {
  EXPECT_FALSE(CheckHello(GoodHello(), kStore, {}).has_value());
  ingest::v1::Hello hello = GoodHello();
  hello.set_store_id(kStore);
  hello.set_protocol_version(99);  // a later agent speaks ours too
  EXPECT_FALSE(CheckHello(hello, kStore, {}).has_value());
}

TEST(MessageCheckTest, Hello_WithoutAVersion) {
  ingest::v1::Hello hello = GoodHello();
  hello.set_protocol_version(0);
  EXPECT_EQ(ReasonOf(CheckHello(hello, kStore, {})), ingest::v1::REFUSAL_REASON_VERSION);
}

TEST(MessageCheckTest, Fault48_Hello_ForAnotherStore) {
  ingest::v1::Hello hello = GoodHello();
  hello.set_store_id("4567");
  EXPECT_EQ(ReasonOf(CheckHello(hello, kStore, {})), ingest::v1::REFUSAL_REASON_WRONG_STORE);
}

TEST(MessageCheckTest, Hello_BadNodes) {
  for (const std::string& name : {std::string(), std::string("a/b")}) {
    ingest::v1::Hello hello = GoodHello();
    hello.mutable_node()->set_name(name);
    EXPECT_EQ(ReasonOf(CheckHello(hello, kStore, {})), ingest::v1::REFUSAL_REASON_PROTOCOL) << name;
  }
  ingest::v1::Hello hello = GoodHello();
  hello.mutable_node()->set_name(std::string(201, 'n'));
  const auto refusal = CheckHello(hello, kStore, {});
  ASSERT_EQ(ReasonOf(refusal), ingest::v1::REFUSAL_REASON_LIMIT);
  EXPECT_THAT(refusal->detail, HasSubstr("node.name"));
  EXPECT_THAT(refusal->detail, HasSubstr("201"));
  EXPECT_THAT(refusal->detail, HasSubstr("200"));
  hello.mutable_node()->set_name(std::string(200, 'n'));
  EXPECT_FALSE(CheckHello(hello, kStore, {}).has_value());
}

TEST(MessageCheckTest, Hello_TooMany) {
  ingest::v1::Hello hello = GoodHello();
  for (int i = 0; i < 65; ++i) (*hello.mutable_node()->mutable_labels())[std::to_string(i)] = "x";
  EXPECT_EQ(ReasonOf(CheckHello(hello, kStore, {})), ingest::v1::REFUSAL_REASON_LIMIT);
  hello = GoodHello();
  for (int i = 0; i < 1000; ++i) hello.add_logdirs()->set_name(std::to_string(i));
  EXPECT_EQ(ReasonOf(CheckHello(hello, kStore, {})), ingest::v1::REFUSAL_REASON_LIMIT);
}

TEST(MessageCheckTest, Hello_OneLogdirNameTwice) {
  ingest::v1::Hello hello = GoodHello();
  hello.add_logdirs()->set_path("/other");
  EXPECT_EQ(ReasonOf(CheckHello(hello, kStore, {})), ingest::v1::REFUSAL_REASON_PROTOCOL);
}

TEST(MessageCheckTest, Hello_WithoutANonce) {
  ingest::v1::Hello hello = GoodHello();
  hello.clear_agent_nonce();
  EXPECT_EQ(ReasonOf(CheckHello(hello, kStore, {})), ingest::v1::REFUSAL_REASON_PROTOCOL);
}

TEST(MessageCheckTest, Open_Good) {
  EXPECT_FALSE(CheckOpen(GoodOpen(), {}).has_value());
  ingest::v1::Open open = GoodOpen();
  open.set_path("\xff..\n/...");  // bytes as the file system has them
  EXPECT_FALSE(CheckOpen(open, {}).has_value());
}

TEST(MessageCheckTest, Fault39_Malicious_PathsThatEscape) {
  for (const std::string& path : {std::string(), std::string("/etc/passwd"), std::string("../x"),
                                  std::string("a/../b"), std::string("a//b"), std::string("a/."),
                                  std::string("a/"), std::string("a\0b", 3), std::string("..")}) {
    ingest::v1::Open open = GoodOpen();
    open.set_path(path);
    EXPECT_EQ(ReasonOf(CheckOpen(open, {})), ingest::v1::REFUSAL_REASON_PATH) << path;
  }
}

TEST(MessageCheckTest, Open_WithoutARun) {
  ingest::v1::Open open = GoodOpen();
  open.clear_run();
  EXPECT_EQ(ReasonOf(CheckOpen(open, {})), ingest::v1::REFUSAL_REASON_PATH);
}

TEST(MessageCheckTest, Open_OfLongNames) {
  ingest::v1::Open open = GoodOpen();
  open.set_path(std::string(4097, 'a'));
  EXPECT_EQ(ReasonOf(CheckOpen(open, {})), ingest::v1::REFUSAL_REASON_LIMIT);
  open.set_path(std::string(4096, 'a'));
  EXPECT_FALSE(CheckOpen(open, {}).has_value());
  open.set_run(std::string(4097, 'a'));
  EXPECT_EQ(ReasonOf(CheckOpen(open, {})), ingest::v1::REFUSAL_REASON_LIMIT);
}

TEST(MessageCheckTest, Open_OfOtherKinds) {
  SessionLimits no_assets;
  no_assets.asset_bytes_max = 0;
  ingest::v1::Open open = GoodOpen();
  open.set_kind(ingest::v1::STREAM_KIND_ASSET);
  EXPECT_FALSE(CheckOpen(open, {}).has_value());
  EXPECT_EQ(ReasonOf(CheckOpen(open, no_assets)), ingest::v1::REFUSAL_REASON_UNSUPPORTED);
  open.set_kind(ingest::v1::STREAM_KIND_UNSPECIFIED);
  EXPECT_EQ(ReasonOf(CheckOpen(open, {})), ingest::v1::REFUSAL_REASON_UNSUPPORTED);
}

TEST(MessageCheckTest, Chunk_Bounds) {
  SessionLimits limits;
  limits.chunk_bytes_max = 10;
  limits.chunk_slices_max = 2;
  ingest::v1::Chunk chunk;
  uint64_t bytes = 0;
  EXPECT_FALSE(CheckChunk(chunk, limits, &bytes).has_value());
  chunk.add_slices()->set_data("12345");
  chunk.add_slices()->set_data("67890");
  EXPECT_FALSE(CheckChunk(chunk, limits, &bytes).has_value());
  EXPECT_EQ(bytes, 10u);
  chunk.mutable_slices(1)->set_data("678901");
  EXPECT_EQ(ReasonOf(CheckChunk(chunk, limits, &bytes)), ingest::v1::REFUSAL_REASON_LIMIT);
  chunk.mutable_slices(1)->set_data("");
  EXPECT_EQ(ReasonOf(CheckChunk(chunk, limits, &bytes)), ingest::v1::REFUSAL_REASON_PROTOCOL);
  chunk.mutable_slices(1)->set_data("6");
  chunk.add_slices()->set_data("7");
  EXPECT_EQ(ReasonOf(CheckChunk(chunk, limits, &bytes)), ingest::v1::REFUSAL_REASON_LIMIT);
}

TEST(MessageCheckTest, Fault37_Malicious_OffsetsThatOverflow) {
  ingest::v1::Chunk chunk;
  uint64_t bytes = 0;
  chunk.add_slices()->set_data("12");
  chunk.mutable_slices(0)->set_offset(std::numeric_limits<uint64_t>::max() - 1);
  EXPECT_EQ(ReasonOf(CheckChunk(chunk, {}, &bytes)), ingest::v1::REFUSAL_REASON_LIMIT);
  chunk.mutable_slices(0)->set_offset(std::numeric_limits<int64_t>::max() - 1);
  EXPECT_EQ(ReasonOf(CheckChunk(chunk, {}, &bytes)), ingest::v1::REFUSAL_REASON_LIMIT);
  chunk.mutable_slices(0)->set_offset(std::numeric_limits<int64_t>::max() - 2);
  EXPECT_FALSE(CheckChunk(chunk, {}, &bytes).has_value());
}

}  // namespace
}  // namespace tributary
